/**
 * The app's log: one JSON line an event, or one readable line on a terminal. Whatever goes in,
 * secrets and control characters do not come out: texts are cleaned by what they look like, fields
 * by what they are called. What an agent printed may reach a log line, so no escape sequence may
 * reach the terminal.
 */
import { pino, type DestinationStream, type Logger } from 'pino';
import { cleanText } from '#lib/domain/clean-text.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
	level: LogLevel;
	/** One readable line an event instead of JSON. */
	pretty: boolean;
	/** Where lines go; standard output when left out. */
	destination?: DestinationStream;
}

const REDACTED = '[redacted]';
/** Long enough for any message of ours; a statement with all its parameters is cut. */
const LONGEST_TEXT = 8_000;
const DEEPEST = 8;

/** Secrets by what they look like. The first group of each, if any, is kept. */
const SECRET_PATTERNS: readonly RegExp[] = [
	/sk-ant-[\w-]{8,}/g,
	/\b(?:ghp|gho|ghu|ghs|ghr)_\w{16,}/g,
	/\bgithub_pat_\w{16,}/g,
	/\bglpat-[\w-]{16,}/g,
	/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g,
	/\b((?:Bearer|Basic|token)\s+)[\w.~+/=-]{8,}/gi,
	/\b((?:x-api-key|authorization|password|passwd|secret|api_?key)["']?\s*[:=]\s*["']?)(?!Bearer|Basic)[^\s"'&,;}]{4,}/gi,
	/([?&](?:token|access_token|key|password)=)[^&#\s"']+/gi
];

/** `scheme://user:password@`, and a lone token before the `@`. */
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"']+@/gi;

/** Fields whose value is a secret whatever it looks like. */
const SECRET_FIELD =
	/^(authorization|proxy-authorization|cookie|set-cookie|x-api-key|.*(password|passwd|secret|token|api_?key|credentials?))$/i;
/** Counts and the like that only sound like one. */
const NO_SECRET_FIELD = /^(.*tokens|.*token_?count|maxtokens)$/i;

/** The text without secrets and control characters, cut when very long. Newlines and tabs stay. */
export function cleanLogText(text: string): string {
	let clean = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}… (cut)` : text;
	clean = cleanText(clean);
	for (const pattern of SECRET_PATTERNS) {
		clean = clean.replace(pattern, (_match, kept: unknown) =>
			typeof kept === 'string' ? `${kept}${REDACTED}` : REDACTED
		);
	}
	return clean.replace(URL_CREDENTIALS, `$1${REDACTED}@`);
}

const isSecretField = (name: string): boolean =>
	SECRET_FIELD.test(name) && !NO_SECRET_FIELD.test(name);

/** A copy with every text cleaned and every secret field replaced. Errors become plain objects. */
export function cleanValue(value: unknown, depth = 0): unknown {
	if (typeof value === 'string') return cleanLogText(value);
	if (typeof value === 'bigint') return value.toString();
	if (typeof value !== 'object' || value === null) return value;
	if (value instanceof Date) return value;
	if (depth >= DEEPEST) return '[too deep]';
	if (value instanceof Error) return cleanError(value, depth);
	if (Array.isArray(value)) return value.slice(0, 100).map((item) => cleanValue(item, depth + 1));
	if (Buffer.isBuffer(value)) return `[${value.length} bytes]`;
	return Object.fromEntries(
		Object.entries(value).map(([name, field]) => [
			cleanLogText(name),
			isSecretField(name) && field !== null && field !== undefined
				? REDACTED
				: cleanValue(field, depth + 1)
		])
	);
}

function cleanError(error: Error, depth: number): Record<string, unknown> {
	const { code } = error as { code?: unknown };
	return {
		type: error.name,
		message: cleanLogText(error.message),
		...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
		...(error.stack === undefined ? {} : { stack: cleanLogText(error.stack) }),
		...(error.cause === undefined ? {} : { cause: cleanValue(error.cause, depth + 1) })
	};
}

/** Log with `logger.info({ sessionId }, 'session started')`; errors as `{ err }`. */
export function createLogger(options: LoggerOptions): Logger {
	const destination = options.destination ?? pino.destination({ dest: 1, sync: false });
	const format = options.pretty ? formatLine : (line: Line): string => `${JSON.stringify(line)}\n`;
	return pino(
		{
			level: options.level,
			base: null,
			timestamp: pino.stdTimeFunctions.isoTime,
			serializers: { err: (error: unknown) => error },
			formatters: {
				level: (label) => ({ level: label }),
				// Errors have to be read here: what follows sees plain JSON.
				log: (fields) => cleanValue(fields) as Record<string, unknown>
			}
		},
		{
			// The whole line once more, since a child's own fields pass no formatter.
			write: (line: string) => void destination.write(format(cleanValue(JSON.parse(line)) as Line))
		}
	);
}

type Line = Record<string, unknown>;

/** `05:43:12 WARN  message  field=value`, the stack of an error below. */
function formatLine({ time, level, msg, err, ...fields }: Line): string {
	const at = String(time).slice(11, 19);
	const rest = Object.entries(fields).map(
		([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
	);
	const error = err as { stack?: string; message?: string } | undefined;
	const detail = error === undefined ? '' : `\n${error.stack ?? error.message ?? ''}`;
	const words = [at, String(level).toUpperCase().padEnd(5), msg, ...rest].filter(
		(part) => part !== undefined && part !== ''
	);
	return `${words.join(' ')}${detail}\n`;
}

/**
 * A rule: what the agent may do without asking, as one line that a person reads and edits. `Bash(npm test:*)`
 * is a command with any arguments, `Bash(npm test)` exactly this one, `Edit(src/**)` files of the worktree,
 * `WebFetch(domain:example.com)` a site, `mcp__server__tool` a tool.
 */
import { pathFits, readPattern, worktreePath } from './path-pattern.ts';
import { fail, ok, type Result } from './result.ts';
import { plainCommands, type PlainCommand } from './shell-words.ts';

export type PermissionRule =
	| { kind: 'command'; words: string[] }
	| { kind: 'exact'; command: string }
	| { kind: 'path'; tool: 'Edit' | 'Read'; pattern: string }
	| { kind: 'site'; host: string }
	| { kind: 'tool'; name: string };

export const RULE_MAX_LENGTH = 1_000;

const EDITS = new Set(['Edit', 'MultiEdit', 'Write', 'NotebookEdit']);
const READS = new Set(['Read', 'Grep', 'Glob', 'LS', 'NotebookRead']);
/** They ask a person something that no rule knows. */
const ASKS = new Set(['AskUserQuestion', 'EnterPlanMode', 'ExitPlanMode']);

const setOf = (words: string): ReadonlySet<string> => new Set(words.split(' '));

/** With any arguments they are any command at all. */
const RUNS_ANYTHING = setOf(
	'bash sh zsh dash ash ksh fish csh env sudo doas su xargs parallel eval exec command builtin source . nohup ' +
		'setsid timeout time nice ionice stdbuf watch script ssh find awk gawk sed perl python python2 python3 node ' +
		'deno ruby php lua osascript gdb strace chroot unshare nsenter busybox vi vim nvim emacs trap alias'
);
const KEYWORDS = setOf(
	'if then else elif fi for while until do done case esac select in function coproc [[ time'
);
/** What they do is in their second word. */
const HAS_SUBCOMMANDS = setOf(
	'git npm npx pnpm yarn bun bunx cargo go docker podman kubectl helm gh glab pip pip3 uv poetry brew apt ' +
		'apt-get systemctl terraform aws gcloud az dotnet gradle mvn rails bundle composer mix nix'
);

const LOOKS_LIKE = 'such as Bash(npm test:*), Edit(src/**) or WebFetch(domain:example.com)';

type Parsed = Result<PermissionRule, string>;

const readPrefix = (content: string): Parsed => {
	const commands = plainCommands(content);
	const [words] = commands ?? [];
	if (!words || commands?.length !== 1 || words.some(({ glob }) => glob)) {
		return fail('Before :* stands one plain command: no &&, pipes, variables or quotes in quotes.');
	}
	const [name = '', second] = words.map(({ text }) => text);
	if (RUNS_ANYTHING.has(name) || KEYWORDS.has(name)) {
		return fail(`${name} can run any command: name the exact one, without :*.`);
	}
	if (HAS_SUBCOMMANDS.has(name) && (second === undefined || second.startsWith('-'))) {
		return fail(
			`Say what of ${name}, such as Bash(${name} ${name === 'git' ? 'status' : 'test'}:*).`
		);
	}
	return ok({ kind: 'command', words: words.map(({ text }) => text) });
};

const readBash = (content: string): Parsed => {
	const text = content.trim();
	const prefix = /^(.*?)(?::\*| \*)$/.exec(text)?.[1]?.trim();
	if (text === '' || text === '*' || prefix === '') {
		return fail('This allows every command. Say which, such as Bash(npm test:*).');
	}
	return prefix === undefined ? ok({ kind: 'exact', command: text }) : readPrefix(prefix);
};

const readPath = (tool: 'Edit' | 'Read', content: string | null): Parsed => {
	if (content === null) return ok({ kind: 'path', tool, pattern: '**' });
	const read = readPattern(content.trim());
	return 'problem' in read ? fail(read.problem) : ok({ kind: 'path', tool, ...read });
};

const HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

const readSite = (content: string | null): Parsed => {
	const host = /^\s*domain:(.+)$/
		.exec(content ?? '')?.[1]
		?.trim()
		.toLowerCase();
	return host && HOST.test(host)
		? ok({ kind: 'site', host })
		: fail('Say which site, such as WebFetch(domain:example.com).');
};

/** The error says in words what is wrong and what is meant. */
export const parseRule = (text: string): Parsed => {
	const rule = text.trim();
	if (rule === '') return fail(`A rule is empty. Write one ${LOOKS_LIKE}.`);
	if (rule.length > RULE_MAX_LENGTH)
		return fail(`A rule has at most ${RULE_MAX_LENGTH} characters.`);
	if (/[\n\r\0]/.test(rule)) return fail('A rule is one line.');
	const [, name, content = null] =
		/^([A-Z]\w*|mcp__[\w.-]+?)(?:__\*)?(?:\((.*)\))?$/.exec(rule) ?? [];
	if (name === undefined) {
		return fail(`“${rule.slice(0, 60)}” is no rule. It begins with a tool, ${LOOKS_LIKE}.`);
	}
	if (ASKS.has(name)) return fail(`${name} asks you something: no rule can answer that.`);
	if (name === 'Bash') return readBash(content ?? '');
	if (EDITS.has(name)) return readPath('Edit', content);
	if (READS.has(name)) return readPath('Read', content);
	if (name === 'WebFetch') return readSite(content);
	if (content !== null) return fail(`${name} takes nothing in brackets: write ${name} alone.`);
	return ok({ kind: 'tool', name });
};

/** Words as the shell reads them again. */
const asShell = (word: string): string => (/^[\w./:@%+,=-]+$/.test(word) ? word : `'${word}'`);

/** The one way to write it: equal rules are equal texts. */
export const ruleText = (rule: PermissionRule): string => {
	switch (rule.kind) {
		case 'command':
			return `Bash(${rule.words.map(asShell).join(' ')}:*)`;
		case 'exact':
			return `Bash(${rule.command})`;
		case 'path':
			return rule.pattern === '**' ? rule.tool : `${rule.tool}(${rule.pattern})`;
		case 'site':
			return `WebFetch(domain:${rule.host})`;
		case 'tool':
			return rule.name;
	}
};

/** In words, for who reads it once. */
export const ruleWords = (rule: PermissionRule): string => {
	switch (rule.kind) {
		case 'command':
			return `${rule.words.join(' ')}, with any arguments inside the worktree`;
		case 'exact':
			return 'exactly this command';
		case 'path': {
			const does = rule.tool === 'Edit' ? 'changing' : 'reading';
			if (rule.pattern === '**') return `${does} any file of the worktree`;
			return /[*?]/.test(rule.pattern)
				? `${does} files of the worktree that fit ${rule.pattern}`
				: `${does} ${rule.pattern}`;
		}
		case 'site':
			return `reading pages of ${rule.host}`;
		case 'tool':
			return rule.name.startsWith('mcp__')
				? `the tool ${rule.name}, whatever it is given`
				: rule.name;
	}
};

/** May lead out of the worktree: a path from the root, of somebody's home, or through `..`. */
const leadsOut = (word: string, worktree: string): boolean =>
	word.split(/[=:,]/).some((part) => part.startsWith('~') || worktreePath(part, worktree) === null);

/** Does it fit one command of those that a line is made of? */
export const fitsCommand = (
	rule: PermissionRule,
	command: PlainCommand,
	worktree: string
): boolean => {
	if (rule.kind === 'exact') {
		const [own, ...more] = plainCommands(rule.command) ?? [];
		const same = own?.length === command.length && more.length === 0;
		return same && command.every(({ text }, at) => text === own[at]?.text);
	}
	if (rule.kind !== 'command' || command.length < rule.words.length) return false;
	const begins = rule.words.every((word, at) => command[at]?.text === word && !command[at].glob);
	const rest = command.slice(rule.words.length);
	return begins && !rest.some(({ text }) => leadsOut(text, worktree));
};

const siteFits = (host: string, url: string): boolean => {
	if (!URL.canParse(url)) return false;
	const { protocol, hostname } = new URL(url);
	if (protocol !== 'https:' && protocol !== 'http:') return false;
	return host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host;
};

/** What a file tool is asked to touch. */
export const pathOf = (toolName: string, input: Record<string, unknown>): string | null => {
	const named = input.file_path ?? input.notebook_path ?? input.path;
	if (typeof named === 'string') return named;
	return toolName === 'Grep' || toolName === 'Glob' || toolName === 'LS' ? '.' : null;
};

export const isFileTool = (toolName: string): boolean => EDITS.has(toolName) || READS.has(toolName);

/** Does it fit a call of any tool but a shell's? */
export const fitsTool = (
	rule: PermissionRule,
	toolName: string,
	input: Record<string, unknown>,
	worktree: string
): boolean => {
	switch (rule.kind) {
		case 'path': {
			if (!(rule.tool === 'Edit' ? EDITS : READS).has(toolName)) return false;
			const named = pathOf(toolName, input);
			const path = named === null ? null : worktreePath(named, worktree);
			return path !== null && pathFits(rule.pattern, path);
		}
		case 'site':
			return (
				toolName === 'WebFetch' && typeof input.url === 'string' && siteFits(rule.host, input.url)
			);
		case 'tool':
			return (
				toolName === rule.name ||
				(/^mcp__[^_](?:(?!__).)*$/.test(rule.name) && toolName.startsWith(`${rule.name}__`))
			);
		default:
			return false;
	}
};

export const hasSubcommands = (program: string): boolean => HAS_SUBCOMMANDS.has(program);

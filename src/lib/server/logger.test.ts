import { describe, expect, it } from 'vitest';
import { cleanLogText, cleanValue, createLogger } from './logger.ts';

const SECRETS: [name: string, text: string, secret: string][] = [
	['Anthropic key', 'key sk-ant-api03-AbC_def-123456789 used', 'AbC_def'],
	['GitHub token', 'remote: ghp_0123456789abcdefghijABCDEFGHIJ012345', '0123456789abcdef'],
	['fine-grained token', 'github_pat_11ABCDEFG0abcdefghij_klmnopqrstuvwxyz', '11ABCDEFG0'],
	['bearer', 'Authorization: Bearer abcdef.ghi-jkl_mno', 'abcdef'],
	['basic', 'authorization: Basic dXNlcjpwYXNzd29yZA==', 'dXNlcjpw'],
	['header', 'x-api-key: 1234567890', '1234567890'],
	['URL password', "fatal: unable to access 'https://x:s3cr3t@github.com/o/r'", 's3cr3t'],
	['URL token', 'https://tokenonly123@github.com/o/r.git', 'tokenonly123'],
	['database', 'postgresql://me:hunter2@db.example/app', 'hunter2'],
	['query', 'GET /?token=abcdef123456&x=1', 'abcdef123456'],
	['JSON', '{"password":"hunter2hunter2"}', 'hunter2'],
	['JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4', 'SflKxw']
];

function lines(pretty: boolean): { written: string[]; log: ReturnType<typeof createLogger> } {
	const written: string[] = [];
	const destination = { write: (line: string) => void written.push(line) };
	return { written, log: createLogger({ level: 'debug', pretty, destination }) };
}

describe('cleanLogText', () => {
	it.each(SECRETS)('takes out a %s', (_name, text, secret) => {
		expect(cleanLogText(text)).not.toContain(secret);
		expect(cleanLogText(text)).toContain('[redacted]');
	});

	it('leaves ordinary words alone', () => {
		const text = 'session 3f2a: cloned https://github.com/o/r, 1200 tokens, key not found: id';
		expect(cleanLogText(text)).toBe(text);
	});

	it('strips what a terminal would act on, keeps newlines and tabs', () => {
		const text = 'a\u001b]52;c;ZXZpbA==\u0007b\u001b[2Jc\u0000d\u007fe\n\tf\u202e';
		expect(cleanLogText(text)).toBe('abcde\n\tf⟦U+202E⟧');
	});

	it('cuts endless text', () => {
		expect(cleanLogText('x'.repeat(1_000_000)).length).toBeLessThan(8_100);
	});
});

describe('cleanValue', () => {
	it('replaces secret fields at any depth, and no counts', () => {
		const value = {
			headers: { authorization: 'x', Cookie: 'y' },
			inputTokens: 5,
			GITHUB_TOKEN: 'z'
		};
		expect(cleanValue(value)).toEqual({
			headers: { authorization: '[redacted]', Cookie: '[redacted]' },
			inputTokens: 5,
			GITHUB_TOKEN: '[redacted]'
		});
	});

	it('survives a circle', () => {
		const circle: Record<string, unknown> = {};
		circle['self'] = circle;
		expect(JSON.stringify(cleanValue(circle))).toContain('too deep');
	});
});

describe('createLogger', () => {
	it.each([true, false])('lets no secret through, pretty %s', (pretty) => {
		for (const [, text, secret] of SECRETS) {
			const { written, log } = lines(pretty);
			log.info(text);
			log.info({ text, nested: [{ text }] }, 'said %s', text);
			log.error({ err: new Error(text, { cause: new Error(text) }) }, 'failed');
			log.error(new Error(text));
			log.child({ text }).warn('child');
			expect(written).toHaveLength(5);
			expect(written.join('')).not.toContain(secret);
		}
	});

	it('writes one JSON line an event', () => {
		const { written, log } = lines(false);
		log.info({ sessionId: 's1' }, 'two\nlines');
		expect(written).toHaveLength(1);
		expect(JSON.parse(written[0] ?? '')).toMatchObject({
			level: 'info',
			sessionId: 's1',
			msg: 'two\nlines'
		});
	});

	it('writes a readable line on a terminal', () => {
		const { written, log } = lines(true);
		log.warn({ port: 3000 }, 'slow');
		expect(written[0]).toMatch(/^\d\d:\d\d:\d\d WARN {2}slow port=3000\n$/);
	});
});

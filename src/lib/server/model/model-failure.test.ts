/** Tables: what is let through, and what an answer of the upstream means. */
import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from 'vitest';
import { errorMessageOf, failureOf, rateLimitOf } from './model-failure.ts';
import { isAllowedPath } from './model-handler.ts';
import { redact } from './redact.ts';

const NOW = Date.parse('2026-11-23T06:00:00Z');

test.each<[string, string, boolean]>([
	['POST', '/v1/messages', true],
	['POST', '/v1/messages?beta=true', true],
	['POST', '/v1/messages/count_tokens?beta=true', true],
	['GET', '/v1/models', true],
	['GET', '/v1/models/claude-x?limit=1', true],
	['POST', '/v1/organizations', false],
	['GET', '/v1/messages', false],
	['POST', '/v1/messages/', false],
	['POST', '/v1/messages/batches', false],
	['POST', '/v1/messages/../files', false],
	['GET', '/v1/models/../../v1/organizations', false],
	['GET', '/v1/models/..', false],
	['POST', '//evil.example/v1/messages', false],
	['POST', '/v1/messages%2f..', false],
	['POST', '/V1/messages', false],
	['DELETE', '/v1/files/x', false],
	['POST', '/api/event_logging/v2/batch', false],
	['', '', false]
])('%s %s is let through: %s', (method, path, allowed) => {
	expect(isAllowedPath(method, path)).toBe(allowed);
});

test.each<[IncomingHttpHeaders, object]>([
	[{}, { retryAfterSeconds: null, resetsAtMs: null, limit: null, final: false }],
	[{ 'retry-after': '7' }, { retryAfterSeconds: 7, resetsAtMs: NOW + 7000, final: false }],
	[{ 'retry-after': 'Mon, 23 Nov 2026 06:01:00 GMT' }, { retryAfterSeconds: 60 }],
	[{ 'retry-after': 'soon' }, { retryAfterSeconds: null }],
	[{ 'x-should-retry': 'false' }, { final: true }],
	[
		{
			'anthropic-ratelimit-unified-status': 'rejected',
			'anthropic-ratelimit-unified-reset': '1795420800',
			'anthropic-ratelimit-unified-representative-claim': 'five_hour'
		},
		{ resetsAtMs: Date.parse('2026-11-23T08:00:00Z'), limit: 'five_hour', final: true }
	],
	[{ 'anthropic-ratelimit-requests-reset': '2026-11-23T06:00:30Z' }, { resetsAtMs: NOW + 30_000 }]
])('limit of %j', (headers, expected) => {
	expect(rateLimitOf(headers, 'slow', NOW)).toMatchObject(expected);
});

const limit = (final: boolean) =>
	rateLimitOf({ 'retry-after': '60', 'x-should-retry': String(!final) }, 'slow', NOW);

test.each<[number, string, boolean | null, string | null]>([
	[401, 'invalid key', null, 'model_auth'],
	[403, 'no permission', null, 'model_auth'],
	[402, 'pay', null, 'model_limit'],
	[400, 'Your credit balance is too low', null, 'model_limit'],
	[400, 'messages: required', null, null],
	[404, 'model: x', null, null],
	[413, 'too long', null, null],
	[429, 'slow', false, null],
	[429, 'slow', true, 'model_limit'],
	[500, 'oops', null, null],
	[529, 'Overloaded', null, null]
])('%i “%s” (final limit: %s) is a failure: %s', (status, message, final, code) => {
	const failure = failureOf(status, message, final === null ? null : limit(final));
	expect(failure?.code ?? null).toBe(code);
});

test('a final limit tells when it is lifted', () => {
	expect(failureOf(429, 'slow', limit(true))?.details).toMatchObject({
		resetsAt: '2026-11-23T06:01:00.000Z',
		retryAfterSeconds: 60
	});
});

test.each([
	['{"error":{"type":"x","message":"the words"}}', 'the words'],
	['<html>Bad gateway</html>', "The model's server answered with status 502."],
	['', "The model's server answered with status 502."]
])('words of %s', (body, words) => {
	expect(errorMessageOf(body, 502)).toBe(words);
});

test.each([
	['key sk-ant-api03-abcdef_-123 used', 'key [redacted] used'],
	['Authorization: Bearer abcdefgh.ijkl', 'Authorization: [redacted]'],
	['http://user:pass@host/x', 'http://[redacted]@host/x'],
	['nothing secret, bearer of news', 'nothing secret, bearer of news'],
	['my s3cret+/= and s3cret%2B%2F%3D', 'my [redacted] and [redacted]']
])('redacted: %s', (text, clean) => {
	expect(redact(text, ['s3cret+/=', ''])).toBe(clean);
});

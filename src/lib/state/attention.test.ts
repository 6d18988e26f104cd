import { describe, expect, it } from 'vitest';
import { sampleSession } from '../../../tests/support/sample-session.ts';
import { needsYou } from './attention.ts';

const session = (id: string, over: Parameters<typeof sampleSession>[0]) => ({
	...sampleSession(over),
	id: id as never
});
const ids = (sessions: { id: string }[]): string[] => sessions.map((s) => s.id);

describe('needsYou', () => {
	it('puts the blocked first, then errors, then unread answers', () => {
		const sessions = [
			session('unread', { waitingFor: 'input' }),
			session('failed', { status: 'error', waitingFor: null }),
			session('asks', { waitingFor: 'approval' }),
			session('limited', { waitingFor: 'limit' }),
			session('frozen', {
				status: 'running',
				waitingFor: null,
				unresponsive: { since: '2026-11-23T08:00:00.000Z', silence: 'unanswered' }
			})
		];
		expect(ids(needsYou(sessions, () => true))).toEqual([
			'asks',
			'limited',
			'failed',
			'frozen',
			'unread'
		]);
	});

	it('leaves out what is at work, ended or read', () => {
		const sessions = [
			session('running', { status: 'running', waitingFor: null }),
			session('starting', { status: 'starting', waitingFor: null }),
			session('finished', { status: 'finished', waitingFor: null }),
			session('stopped', { status: 'stopped', waitingFor: null }),
			session('read', { waitingFor: 'input' })
		];
		expect(needsYou(sessions, () => false)).toEqual([]);
	});

	it('keeps the one that waits longest on top, so a new one moves none', () => {
		const sessions = [
			session('new', { waitingFor: 'plan', updatedAt: '2026-11-23T09:00:00.000Z' }),
			session('old', { waitingFor: 'answer', updatedAt: '2026-11-23T08:00:00.000Z' })
		];
		expect(ids(needsYou(sessions, () => false))).toEqual(['old', 'new']);
	});

	const asks = (kind: 'question' | 'approval', toolName: string) =>
		[{ requestId: 'r', kind, seq: 1, toolName, title: null }] as const;
	const question = { waitingFor: 'answer', pending: [...asks('question', 'AskUserQuestion')] };
	const command = { waitingFor: 'approval', pending: [...asks('approval', 'Bash')] };
	const wait = {
		...{ waitId: 'w', mode: 'all', sessionIds: ['child'] },
		deadline: '2026-11-23T10:00:00.000Z'
	};
	it.each([
		['a question that its orchestrator waits for', question, { wait }, []],
		['one whose orchestrator is at work', question, { status: 'running', waitingFor: null }, []],
		['an answer that its orchestrator reads', { waitingFor: 'input' }, { wait }, []],
		['a command, which is yours to allow', command, { wait }, ['child']],
		['a question that nobody waits for', question, {}, ['child']],
		[
			'one whose orchestrator has ended',
			question,
			{ status: 'stopped', waitingFor: null },
			['child']
		],
		['the model’s limit', { waitingFor: 'limit' }, { wait }, ['child']],
		['a failure', { status: 'error', waitingFor: null }, { wait }, ['child']]
	] as const)('of an orchestrator’s session: %s', (_name, child, orchestrator, expected) => {
		const own = session('own', { role: 'orchestrator', ...orchestrator } as never);
		const sessions = [own, session('child', { startedBy: 'own', ...child } as never)];
		expect(ids(needsYou(sessions, ({ id }) => String(id) === 'child'))).toEqual(expected);
	});
});

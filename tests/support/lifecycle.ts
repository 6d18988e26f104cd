/** What tests of a session's life share: a repo, a socket, the sandboxes that are there, and the law. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import { ENVELOPE_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { until, type TestApp } from './app.ts';
import { gitIn, writeFiles } from './git-fixture.ts';

export const makeRepo = (path: string): void => {
	gitIn(path, 'init', '--quiet', '--initial-branch=main');
	writeFiles(path, { 'a.txt': 'a\n' });
	gitIn(path, 'add', '--all');
	gitIn(path, 'commit', '--quiet', '-m', 'Begin');
};

export const ended = ({ status }: Session): boolean =>
	status === 'stopped' || status === 'finished' || status === 'error';
export const atRest = (session: Session): boolean => session.waitingFor === 'input';

/** All events of a session at rest, once the files of its last turn are kept: no more come by themselves. */
export const eventsAtRest = (app: TestApp, sessionId: string): Promise<SessionEvent[]> =>
	until(async () => {
		const events = await app.events(sessionId);
		const types = events.map(({ type }) => type);
		const kept = types.lastIndexOf('runner.checkpointed');
		return kept > types.lastIndexOf('runner.turn_ended') && events;
	}, 'the files of the last turn to be kept');

export interface Frame {
	kind: string;
	sessionId: string | null;
	seq: number;
	// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it asked for
	payload: any;
}

/** A program at `/ws` that keeps every frame. */
export class Viewer {
	readonly frames: Frame[] = [];
	readonly ws: WebSocket;
	readonly closed: Promise<number>;

	private constructor(ws: WebSocket) {
		this.ws = ws;
		ws.on('message', (data) => this.frames.push(JSON.parse((data as Buffer).toString()) as Frame));
		this.closed = new Promise((resolve) => ws.on('close', resolve));
		ws.on('error', () => undefined);
	}

	static async open(app: TestApp): Promise<Viewer> {
		const ws = new WebSocket(app.origin.replace('http', 'ws') + '/ws', {
			headers: { authorization: `Bearer ${app.token}` }
		});
		const viewer = new Viewer(ws);
		await new Promise((resolve) => ws.once('open', resolve));
		return viewer;
	}

	send(payload: object, kind = 'command'): void {
		this.ws.send(JSON.stringify({ v: ENVELOPE_VERSION, kind, sessionId: null, payload }));
	}

	of(kind: string): Frame[] {
		return this.frames.filter((frame) => frame.kind === kind);
	}

	/** Sequence numbers of the stored events, as they came. */
	seqs(): number[] {
		return this.frames.flatMap(({ payload }) =>
			payload.type === 'event' ? [payload.event.seq as number] : []
		);
	}
}

/** Sessions that have a sandbox's record on this machine. */
export const sandboxes = (app: TestApp): string[] => {
	try {
		return readdirSync(join(app.workspace, 'sandboxes')).filter((name) => name.length === 36);
	} catch {
		return [];
	}
};

/** First process of the session's sandbox, outside: everything in it goes with it. */
export const initPid = (app: TestApp, sessionId: string): number =>
	Number(readFileSync(join(app.workspace, 'sandboxes', sessionId, 'init'), 'utf8').split(' ')[0]);

/** Processes in the sandbox whose command line matches. */
export const processesIn = (app: TestApp, sessionId: string, pattern: RegExp): number[] => {
	const children = (pid: number): number[] => {
		try {
			const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
			return text.split(' ').flatMap((child) => (child ? [Number(child)] : []));
		} catch {
			return [];
		}
	};
	const all = (pid: number): number[] => [pid, ...children(pid).flatMap(all)];
	return all(initPid(app, sessionId)).filter((pid) => {
		try {
			return pattern.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
		} catch {
			return false;
		}
	});
};

const counts = (values: readonly string[]): Map<string, number> => {
	const result = new Map<string, number>();
	for (const value of values) result.set(value, (result.get(value) ?? 0) + 1);
	return result;
};

/** Messages begin their turns in the order in which they were handed over; in the queue they may be moved. */
const turnsOutOfOrder = (events: readonly SessionEvent[]): string[] => {
	const handedOver = new Map<string, number>();
	const accepted = new Set<string>();
	let newest = 0;
	return events.flatMap(({ type, seq, payload }) => {
		const id = String(payload.commandId);
		if (type === 'message.accepted') accepted.add(id);
		if (type === 'message.handed_over') handedOver.set(id, seq);
		// What the agent begins by itself is nobody's message.
		if (type !== 'runner.turn_started' || !accepted.has(id)) return [];
		const at = handedOver.get(id);
		if (at === undefined) return [`turn ${seq} of a message that was not handed over`];
		const isLate = at < newest;
		newest = Math.max(newest, at);
		return isLate
			? [`turn ${seq} out of order: handed over at ${at}, another one at ${newest}`]
			: [];
	});
};

/** What is wrong with a log, in words; empty when nothing came twice, got lost or out of order. */
export const violations = (events: readonly SessionEvent[]): string[] => {
	const found: string[] = [];
	events.forEach(({ seq }, index) => {
		if (seq !== index + 1) found.push(`seq ${seq} at ${index + 1}`);
	});
	const ids = (type: string, key: string): string[] =>
		events.flatMap((event) => (event.type === type ? [String(event.payload[key])] : []));
	const once: [string, string][] = [
		['message.accepted', 'commandId'],
		['runner.turn_started', 'commandId'],
		['runner.turn_ended', 'commandId'],
		['sandbox.exited', 'epoch'],
		['session.start_requested', 'epoch']
	];
	for (const [type, key] of once) {
		for (const [id, count] of counts(ids(type, key))) {
			if (count > 1) found.push(`${type} ${id} ${count} times`);
		}
	}
	found.push(...turnsOutOfOrder(events));
	return found;
};

/** Waits until there is a sandbox for exactly the sessions that are live and awake. */
export const untilSandboxesFit = (app: TestApp, repoId: string): Promise<true> =>
	until(
		async () => {
			const { sessions } = (await app.api('GET', `/api/repos/${repoId}`)).body as {
				sessions: Session[];
			};
			const due = sessions.filter((session) => !ended(session) && !session.asleep);
			const there = sandboxes(app).sort().join();
			return due
				.map(({ id }) => id)
				.sort()
				.join() === there
				? true
				: null;
		},
		'a sandbox for each live session and no other',
		20_000
	);

import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { fail, ok } from '#lib/domain/result.ts';
import type { Answer, ContainerState, DockerEngine } from './docker-engine.ts';
import { createContainerHandles, exitOf } from './docker-handle.ts';

const state = (change: Partial<ContainerState>): ContainerState => ({
	...{ id: 'c', labels: {}, status: 'exited', running: false, exitCode: 0, oomKilled: false },
	finishedAtMs: 1_000_000,
	...change
});

describe('exitOf', () => {
	it.each([
		[{ exitCode: 0 }, false, { cause: 'exited', exitCode: 0 }],
		[{ exitCode: 3 }, false, { cause: 'exited', exitCode: 3 }],
		[{ exitCode: 0, oomKilled: true }, false, { cause: 'exited', exitCode: 0 }],
		[{ exitCode: 137, oomKilled: true }, true, { cause: 'oom', exitCode: 137 }],
		[{ exitCode: 137 }, false, { cause: 'killed', exitCode: 137 }],
		[{ exitCode: 137 }, true, { cause: 'engine', exitCode: 137 }],
		[{ exitCode: 255 }, true, { cause: 'engine', exitCode: 255 }],
		[{ exitCode: 0 }, true, { cause: 'engine', exitCode: 0 }],
		[{ exitCode: 201 }, false, { cause: 'runner', exitCode: 137 }],
		[{ exitCode: 137, status: 'removing' }, false, { cause: 'removed', exitCode: 137 }],
		[
			{ exitCode: 255, labels: { 'agent-manager.boot': 'another' } },
			true,
			{ cause: 'host', exitCode: 255 }
		],
		[{ status: 'created' }, false, { cause: 'lost', exitCode: null }]
	])('of %j, engine away: %s', (change, engineWasGone, exit) => {
		expect(exitOf(state(change), engineWasGone)).toEqual(exit);
	});
});

describe('waiting for the end', () => {
	const unreachable = fail({ kind: 'unreachable' as const, message: 'gone' });

	/** An engine that answers from a script, then as it answered last. */
	const scripted = (
		waits: Awaited<Answer<void>>[],
		inspections: Awaited<Answer<ContainerState>>[],
		happenings: string[] = []
	): DockerEngine => {
		const next = <T>(answers: T[]): Promise<T> => {
			const answer = answers.length > 1 ? answers.shift() : answers[0];
			if (answer === undefined) throw new Error('nothing left to answer');
			return Promise.resolve(answer);
		};
		return {
			waitUntilStopped: () => next(waits),
			inspect: () => next(inspections),
			happenings: () => Promise.resolve(ok(happenings))
		} as Partial<DockerEngine> as DockerEngine;
	};

	const exitWith = (engine: DockerEngine) => {
		const handles = createContainerHandles(engine, pino({ level: 'silent' }));
		const labels = { instance: 'i', session: 's', epoch: 1 };
		const ref = { kind: 'docker' as const, id: 'c', labels };
		return handles.open(ref, { limited: true, notes: [] }).exited;
	};

	it('does not believe a wait that ends while the container runs', async () => {
		const running = ok(state({ running: true, status: 'running' }));
		const engine = scripted([ok()], [running, running, ok(state({ exitCode: 4 }))]);
		expect(await exitWith(engine)).toEqual({ cause: 'exited', exitCode: 4 });
	});

	it('outlasts an engine that is away, and blames it for what died with it', async () => {
		const engine = scripted([unreachable], [unreachable, ok(state({ exitCode: 137 }))]);
		expect(await exitWith(engine)).toEqual({ cause: 'engine', exitCode: 137 });
	});

	it('does not blame an engine that the container has outlived', async () => {
		const running = ok(state({ running: true, status: 'running' }));
		const engine = scripted(
			[unreachable, ok()],
			[unreachable, running, ok(state({ exitCode: 3 }))]
		);
		expect(await exitWith(engine)).toEqual({ cause: 'exited', exitCode: 3 });
	});

	it.each([
		[['oom', 'die'], 'oom'],
		[['kill', 'die'], 'killed'],
		[[], 'oom']
	])(
		'when the engine remembers %j of one short of memory once, calls it %s',
		async (told, cause) => {
			const engine = scripted([ok()], [ok(state({ exitCode: 137, oomKilled: true }))], told);
			expect(await exitWith(engine)).toEqual({ cause, exitCode: 137 });
		}
	);

	it('tells a removal by force from a kill', async () => {
		const engine = scripted(
			[ok()],
			[ok(state({ exitCode: 137 })), fail({ kind: 'missing', message: 'no such one' })]
		);
		expect(await exitWith(engine)).toEqual({ cause: 'removed', exitCode: 137 });
	});

	it('knows a container that is gone', async () => {
		const engine = scripted([unreachable], [fail({ kind: 'missing', message: 'no such one' })]);
		expect(await exitWith(engine)).toEqual({ cause: 'removed', exitCode: null });
	});
});

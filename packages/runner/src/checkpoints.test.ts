/** Checkpoints between turns: the built runner, the real agent, a real worktree. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { buildBundle, RunnerProcess } from '../test-support/runner-process.ts';

let runner: RunnerProcess;
const git = (...args: string[]): string =>
	execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], {
		cwd: runner.worktree,
		encoding: 'utf8'
	}).trim();

/** Each starts the real agent, some twice. */
vi.setConfig({ testTimeout: 120_000 });
beforeAll(buildBundle);
beforeEach(async () => {
	runner = new RunnerProcess();
	git('init', '--quiet', '--initial-branch=agent/x');
	git('commit', '--quiet', '--allow-empty', '-m', 'Begin');
	await runner.door.open();
	runner.writeOptions();
	runner.start();
});
afterEach(() => runner.dispose());

const at = async (index: number): Promise<string> =>
	String((await runner.door.record('runner.checkpointed', index)).payload.commit);

it('are made after each turn and before the next one, of what was there then', async () => {
	const first = runner.say('bash echo one > one.txt');
	const second = runner.say('bash echo two > two.txt');
	await at(1);
	const told = runner.door.committed.filter(({ type }) => /^runner\.(turn|check)/.test(type));
	expect(told.map(({ type, payload }) => [type, payload.commandId])).toEqual([
		['runner.turn_started', first],
		['runner.turn_ended', first],
		['runner.checkpointed', undefined],
		['runner.turn_started', second],
		['runner.turn_ended', second],
		['runner.checkpointed', undefined]
	]);
	expect(git('ls-tree', '--name-only', await at(0))).toBe('one.txt');
	expect(git('ls-tree', '--name-only', await at(1))).toBe('one.txt\ntwo.txt');
});

it('are made anew when a person has committed meanwhile, and when a sandbox begins', async () => {
	runner.say('bash echo one > one.txt');
	const first = await at(0);
	git('add', '--all');
	git('commit', '--quiet', '-m', 'By hand');
	runner.say('say hello');
	const second = await at(1);
	expect([git('rev-parse', `${first}^`), git('rev-parse', `${second}^`)]).toEqual([
		...[git('rev-parse', 'HEAD^'), git('rev-parse', 'HEAD')]
	]);
	// Nothing has changed in that turn.
	expect(await at(2)).toBe(second);
	await runner.killSandbox();
	writeFileSync(join(runner.worktree, 'two.txt'), 'two\n');
	runner.start();
	expect(git('ls-tree', '--name-only', await at(3))).toBe('one.txt\ntwo.txt');
});

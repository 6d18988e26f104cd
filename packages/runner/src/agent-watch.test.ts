import { describe, expect, it } from 'vitest';
import { AgentWatch } from './agent-watch.ts';

/** A watch with a clock of its own, looked at every five seconds. */
const make = () => {
	let nowMs = 0;
	let due = true;
	const told: string[] = [];
	const answers: (() => void)[] = [];
	const watch = new AgentWatch({
		isDue: () => due,
		ask: () => new Promise<void>((resolve) => answers.push(resolve)),
		onSilent: (afterSeconds) => told.push(`silent for ${afterSeconds} s`),
		onHeard: () => told.push('heard'),
		nowMs: () => nowMs,
		log: () => undefined
	});
	const pass = (seconds: number, everySeconds = 5): void => {
		for (let passed = 0; passed < seconds; passed += everySeconds) {
			nowMs += everySeconds * 1_000;
			watch.look();
		}
	};
	return { watch, told, answers, pass, setDue: (is: boolean) => (due = is) };
};

describe('the watch of an agent', () => {
	it('asks one that is silent, and names it when it does not answer', () => {
		const { told, answers, pass } = make();
		pass(5);
		expect(answers).toHaveLength(0);
		pass(20);
		expect([answers.length, told]).toEqual([1, []]);
		pass(60);
		expect([answers.length, told]).toEqual([1, ['silent for 30 s']]);
	});

	it('lets one think that answers, however long it says nothing', async () => {
		const { told, answers, pass } = make();
		for (let round = 0; round < 20; round += 1) {
			pass(15);
			answers.splice(0).forEach((answer) => answer());
			await Promise.resolve();
		}
		expect(told).toEqual([]);
	});

	it('takes it back at the first word, be it a message or the late answer', async () => {
		const { watch, told, answers, pass } = make();
		pass(40);
		watch.heard();
		pass(40);
		answers.at(-1)?.();
		await Promise.resolve();
		expect(told).toEqual(['silent for 30 s', 'heard', 'silent for 30 s', 'heard']);
	});

	it('looks only while a turn is open', () => {
		const { told, answers, pass, setDue } = make();
		setDue(false);
		pass(600);
		expect([answers.length, told]).toEqual([0, []]);
		setDue(true);
		pass(25);
		expect(told).toEqual([]);
	});

	it('does not count time in which the runner was frozen itself', () => {
		const { told, pass } = make();
		pass(5);
		pass(600, 600);
		expect(told).toEqual([]);
	});
});

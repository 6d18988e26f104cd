/**
 * Runners without an agent that say so many events in all, evenly at so many a second each, or as fast
 * as they are committed when `perSecond` is null. Each event is a message with its moment in it. Takes
 * its settings as JSON in the first argument, ends when all are committed.
 */
import { connectRunner } from './door-runner.mjs';
import { nowMs } from './clock.mjs';

const TICK_MS = 20;
const AT_ONCE = 80;
const WINDOW = 800;

/** @type {{ sessions: import('./door-runner.mjs').DoorPlace[], perSecond: number | null, count: number }} */
const settings = JSON.parse(process.argv[2] ?? '{}');

/** @param {number} n @param {number} number */
const messageJson = (n, number) =>
	JSON.stringify({
		n,
		ts: new Date().toISOString(),
		source: 'claude',
		type: 'claude.assistant',
		payload: {
			type: 'assistant',
			sentAtMs: nowMs(),
			message: {
				id: `msg_${n}`,
				type: 'message',
				role: 'assistant',
				model: 'bench',
				content: [{ type: 'text', text: `Event ${number}: ${'of many words '.repeat(20)}` }],
				stop_reason: null,
				usage: { input_tokens: 3, output_tokens: 120 }
			},
			parent_tool_use_id: null,
			session_id: '00000000-0000-4000-8000-000000000000'
		}
	});

/** @param {import('./door-runner.mjs').DoorPlace} place @param {number} index */
const run = async (place, index) => {
	let said = 0;
	let done = () => {};
	const finished = new Promise((resolve) => (done = () => resolve(undefined)));
	const runner = await connectRunner(place, () => {
		if (said === settings.count && runner.ackedN() === runner.sentN()) done();
		else if (settings.perSecond === null) flatOut();
	});
	/** @param {number} count */
	const say = (count) => {
		const from = runner.sentN() + 1;
		const records = Array.from({ length: Math.min(count, settings.count - said) }, (_, at) =>
			messageJson(from + at, ++said)
		);
		if (records.length > 0) runner.send(records);
	};
	const flatOut = () => {
		while (said < settings.count && runner.sentN() - runner.ackedN() + AT_ONCE <= WINDOW)
			say(AT_ONCE);
	};
	if (settings.perSecond === null) flatOut();
	else pace(settings.perSecond, index, () => said, say);
	await finished;
};

/**
 * Not all sessions in the same moment, and never more behind than the clock.
 * @param {number} perSecond @param {number} index @param {() => number} said @param {(count: number) => void} say
 */
const pace = (perSecond, index, said, say) => {
	const begunAt = nowMs() + (index * TICK_MS) / settings.sessions.length;
	const timer = setInterval(() => {
		const due = Math.floor(((nowMs() - begunAt) / 1000) * perSecond);
		if (due > said()) say(due - said());
		if (said() === settings.count) clearInterval(timer);
	}, TICK_MS);
};

await Promise.all(settings.sessions.map(run));
process.exit(0);

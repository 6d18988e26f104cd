/** Adds up the reports of Vitest and Playwright. What broke outside a test counts as failed, too. */
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/**
 * @typedef {object} Summary
 * @property {number} passed
 * @property {{ name: string, why: string }[]} failed Full names; what the test runner said of each.
 * @property {{ name: string, reason: string }[]} skipped
 * @property {{ name: string, why: string }[]} flaky Passed only when tried once more; what the first try said.
 * @property {{ name: string, seconds: number }[]} files Each from its first test to the end of its last.
 */

const NO_REASON = 'no reason given';

/** Lines of a failure that the summary repeats: enough to begin with where only its end is kept. */
const WHY_LINES = 12;
const WHY_CHARACTERS = 1_200;

/** Files that the summary names, so that it is seen where the time goes. */
const SLOWEST_FILES = 10;

/**
 * The first lines of what a test runner says of a failure, as plain text.
 * @param {string | undefined} text
 */
function shortWhy(text) {
	const lines = stripVTControlCharacters(text ?? '')
		.trim()
		.split('\n');
	return lines.slice(0, WHY_LINES).join('\n').slice(0, WHY_CHARACTERS);
}

/**
 * What is skipped by a condition says why in its title: "docker (skipped: no engine)", or the other
 * way round, "copies from a closed folder (root can: skipped)".
 * @param {string} title
 */
function reasonInTitle(title) {
	const after = /skipped: ([^()]+(\([^()]*\)[^()]*)*)/.exec(title)?.[1];
	return after ?? /\(([^()]+): skipped\)/.exec(title)?.[1];
}

/** @returns {Summary} */
export function emptySummary() {
	return { passed: 0, failed: [], skipped: [], flaky: [], files: [] };
}

/**
 * @param {Summary} summary
 * @param {string} path
 * @param {number} startMs
 * @param {number} endMs
 */
function addFile(summary, path, startMs, endMs) {
	const name = relative(process.cwd(), path);
	summary.files.push({ name, seconds: Math.max(0, (endMs - startMs) / 1_000) });
}

/**
 * @param {any} report Of Vitest's json reporter.
 * @param {Partial<import('../tests/support/test-notes-reporter.ts').TestNotes>} notes
 * @param {number} exitCode
 * @returns {Summary}
 */
export function readVitest(report, notes, exitCode) {
	const summary = emptySummary();
	for (const [name, why] of Object.entries(notes.flaky ?? {})) {
		summary.flaky.push({ name, why: shortWhy(why) });
	}
	for (const file of report?.testResults ?? []) {
		addFile(summary, file.name, file.startTime, file.endTime);
		const failedBefore = summary.failed.length;
		for (const test of file.assertionResults) {
			if (test.status === 'passed') summary.passed += 1;
			else if (test.status === 'failed') {
				summary.failed.push({ name: test.fullName, why: shortWhy(test.failureMessages?.[0]) });
			} else {
				const name = test.fullName;
				const reason = notes.skipped?.[name] || reasonInTitle(name) || NO_REASON;
				summary.skipped.push({ name, reason });
			}
		}
		const broken = file.status === 'failed' && summary.failed.length === failedBefore;
		if (broken) {
			summary.failed.push({ name: file.name, why: shortWhy(file.message || 'its set-up failed') });
		}
	}
	if (exitCode !== 0 && summary.failed.length === 0) {
		summary.failed.push({ name: 'vitest', why: `ended with code ${exitCode} outside of any test` });
	}
	return summary;
}

/**
 * @param {any} suite
 * @param {string} prefix
 * @param {Summary} summary
 */
function addPlaywrightSuite(suite, prefix, summary) {
	for (const spec of suite.specs ?? []) {
		for (const test of spec.tests) {
			const name = `${prefix}${spec.title}`;
			const error = test.results?.flatMap((/** @type {any} */ { errors }) => errors ?? [])[0];
			const why = shortWhy(error?.message);
			if (test.status === 'flaky') summary.flaky.push({ name, why });
			if (test.status === 'expected' || test.status === 'flaky') summary.passed += 1;
			else if (test.status === 'skipped') {
				const note = test.annotations?.find((/** @type {any} */ { type }) => type === 'skip');
				summary.skipped.push({ name, reason: note?.description || NO_REASON });
			} else {
				summary.failed.push({ name, why });
			}
		}
	}
	for (const inner of suite.suites ?? []) {
		addPlaywrightSuite(inner, `${prefix}${inner.title} > `, summary);
	}
}

/**
 * When each of its tests began and ended, tries included.
 * @param {any} suite
 * @returns {{ startMs: number, endMs: number }[]}
 */
function triesIn(suite) {
	const tests = (suite.specs ?? []).flatMap((/** @type {any} */ spec) => spec.tests);
	const own = tests.flatMap((/** @type {any} */ { results }) => results ?? []);
	return [
		...own.map((/** @type {any} */ { startTime, duration }) => {
			const startMs = Date.parse(startTime);
			return { startMs, endMs: startMs + duration };
		}),
		...(suite.suites ?? []).flatMap(triesIn)
	];
}

/**
 * @param {any} report Of Playwright's json reporter.
 * @param {number} exitCode
 * @returns {Summary}
 */
export function readPlaywright(report, exitCode) {
	const summary = emptySummary();
	for (const suite of report?.suites ?? []) {
		addPlaywrightSuite(suite, `${suite.title} > `, summary);
		const tries = triesIn(suite);
		const path = join(report.config?.rootDir ?? '', suite.file ?? suite.title);
		if (tries.length > 0) {
			const startMs = Math.min(...tries.map((one) => one.startMs));
			addFile(summary, path, startMs, Math.max(...tries.map((one) => one.endMs)));
		}
	}
	for (const error of report?.errors ?? []) {
		summary.failed.push({ name: 'playwright', why: shortWhy(error.message) });
	}
	if (exitCode !== 0 && summary.failed.length === 0) {
		const why = `ended with code ${exitCode} outside of any test`;
		summary.failed.push({ name: 'playwright', why });
	}
	return summary;
}

/** @param {Summary[]} summaries */
export function addSummaries(summaries) {
	const total = emptySummary();
	for (const { passed, failed, skipped, flaky, files } of summaries) {
		total.passed += passed;
		total.failed.push(...failed);
		total.skipped.push(...skipped);
		total.flaky.push(...flaky);
		total.files.push(...files);
	}
	return total;
}

/** @param {{ name: string, why: string }} test */
const withWhy = ({ name, why }) => [
	`  - ${name}`,
	...(why ? why.split('\n').map((line) => `      ${line}`) : [])
];

/** @param {Summary['files']} files */
function slowestLines(files) {
	if (files.length === 0) return [];
	const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_FILES);
	return [
		'Slowest files:',
		...slowest.map(({ name, seconds }) => `${seconds.toFixed(0).padStart(6)} s  ${name}`)
	];
}

/**
 * What a person reads at the end; the closing line stands alone.
 * @param {Summary} summary
 */
export function summaryLines({ passed, failed, skipped, flaky, files }) {
	/** @type {Map<string, string[]>} */
	const byReason = new Map();
	for (const { name, reason } of skipped) {
		byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
	}
	const lines = slowestLines(files);
	for (const [reason, names] of byReason) {
		lines.push(`Skipped ${names.length}: ${reason}`, ...names.map((name) => `  - ${name}`));
	}
	if (flaky.length > 0) lines.push('Passed only when tried once more:', ...flaky.flatMap(withWhy));
	if (failed.length > 0) lines.push('Failed:', ...failed.flatMap(withWhy));
	lines.push(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
	return lines;
}

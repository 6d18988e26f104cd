/** Adds up the reports of Vitest and Playwright. What broke outside a test counts as failed, too. */

/**
 * @typedef {object} Summary
 * @property {number} passed
 * @property {string[]} failed Full names.
 * @property {{ name: string, reason: string }[]} skipped
 */

const NO_REASON = 'no reason given';

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
	return { passed: 0, failed: [], skipped: [] };
}

/**
 * @param {any} report Of Vitest's json reporter.
 * @param {Record<string, string>} notes Why tests were skipped, by full name.
 * @param {number} exitCode
 * @returns {Summary}
 */
export function readVitest(report, notes, exitCode) {
	const summary = emptySummary();
	for (const file of report?.testResults ?? []) {
		const failedBefore = summary.failed.length;
		for (const test of file.assertionResults) {
			if (test.status === 'passed') summary.passed += 1;
			else if (test.status === 'failed') summary.failed.push(test.fullName);
			else {
				const name = test.fullName;
				summary.skipped.push({ name, reason: notes[name] || reasonInTitle(name) || NO_REASON });
			}
		}
		const broken = file.status === 'failed' && summary.failed.length === failedBefore;
		if (broken) summary.failed.push(`${file.name}: ${file.message || 'its set-up failed'}`);
	}
	if (exitCode !== 0 && summary.failed.length === 0) {
		summary.failed.push(`vitest ended with code ${exitCode} outside of any test`);
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
			if (test.status === 'expected' || test.status === 'flaky') summary.passed += 1;
			else if (test.status === 'skipped') {
				const note = test.annotations?.find((/** @type {any} */ { type }) => type === 'skip');
				summary.skipped.push({ name, reason: note?.description || NO_REASON });
			} else summary.failed.push(name);
		}
	}
	for (const inner of suite.suites ?? []) {
		addPlaywrightSuite(inner, `${prefix}${inner.title} > `, summary);
	}
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
	}
	for (const error of report?.errors ?? []) summary.failed.push(`playwright: ${error.message}`);
	if (exitCode !== 0 && summary.failed.length === 0) {
		summary.failed.push(`playwright ended with code ${exitCode} outside of any test`);
	}
	return summary;
}

/** @param {Summary[]} summaries */
export function addSummaries(summaries) {
	const total = emptySummary();
	for (const { passed, failed, skipped } of summaries) {
		total.passed += passed;
		total.failed.push(...failed);
		total.skipped.push(...skipped);
	}
	return total;
}

/**
 * What a person reads at the end; the closing line stands alone.
 * @param {Summary} summary
 */
export function summaryLines({ passed, failed, skipped }) {
	/** @type {Map<string, string[]>} */
	const byReason = new Map();
	for (const { name, reason } of skipped) {
		byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
	}
	const lines = [];
	for (const [reason, names] of byReason) {
		lines.push(`Skipped ${names.length}: ${reason}`, ...names.map((name) => `  - ${name}`));
	}
	if (failed.length > 0) lines.push('Failed:', ...failed.map((name) => `  - ${name}`));
	lines.push(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
	return lines;
}

/**
 * Writes down what Vitest's json report leaves out: why tests were skipped, and which passed only when
 * tried once more.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase } from 'vitest/node';

/** By full names, as the json report has them. */
export interface TestNotes {
	skipped: Record<string, string>;
	/** What the first try said. */
	flaky: Record<string, string>;
}

export default class TestNotesReporter implements Reporter {
	readonly #notes: TestNotes = { skipped: {}, flaky: {} };

	onTestCaseResult(test: TestCase): void {
		const result = test.result();
		// The json report joins the names of suites and test with a space.
		const name = test.fullName.replaceAll(' > ', ' ');
		if (result.state === 'skipped' && result.note) this.#notes.skipped[name] = result.note;
		if (test.diagnostic()?.flaky) {
			const [first] = result.errors ?? [];
			this.#notes.flaky[name] = first?.stack ?? first?.message ?? '';
		}
	}

	onTestRunEnd(): void {
		const file = process.env.TEST_NOTES_FILE;
		if (file) writeFileSync(file, JSON.stringify(this.#notes));
	}
}

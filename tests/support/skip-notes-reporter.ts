/** Writes down why tests were skipped, which Vitest's json report leaves out. */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase } from 'vitest/node';

export default class SkipNotesReporter implements Reporter {
	readonly #notes: Record<string, string> = {};

	onTestCaseResult(test: TestCase): void {
		const result = test.result();
		if (result.state !== 'skipped' || !result.note) return;
		// The json report joins the names of suites and test with a space.
		this.#notes[test.fullName.replaceAll(' > ', ' ')] = result.note;
	}

	onTestRunEnd(): void {
		const file = process.env.SKIP_NOTES_FILE;
		if (file) writeFileSync(file, JSON.stringify(this.#notes));
	}
}

/**
 * The law of promise 1, as a pure function: what a runner wrote down, what the database has and what
 * each viewer saw must be the same events, each once, in the same order.
 */

/** What a runner made durable, in order: from the segment files of its outbox. */
export interface TruthRecord {
	n: number;
	/** Of source, type and payload in canonical JSON. */
	hash: string;
}

/** A row of the log, as it stands in the table. */
export interface LogRow {
	seq: number;
	/** The runner's number; null for what the manager states. */
	n: number | null;
	/** Of what the runner said: of the body as it came, where the row had to be changed. */
	originalHash: string;
	/** Of what the row shows, which is what viewers get. */
	shownHash: string;
}

export interface SeenEvent {
	seq: number;
	hash: string;
}

export interface ViewerEvidence {
	name: string;
	/** The cursor that it began after. */
	after: number;
	/** As they came, over all its connections. */
	seen: readonly SeenEvent[];
}

/** A page in a browser: the window of the log that it holds in the end, and what it should be. */
export interface PageEvidence {
	name: string;
	first: number;
	head: number;
	/** As the page itself says, over every event of its window in its order. */
	hash: string;
	/** The same over the database's rows. */
	dueHash: string;
}

export interface SessionEvidence {
	sessionId: string;
	truth: readonly TruthRecord[];
	/** In order of `seq`; rows with the same one stand side by side. */
	rows: readonly LogRow[];
	viewers: readonly ViewerEvidence[];
	pages: readonly PageEvidence[];
}

export type ViolationKind = 'lost' | 'twice' | 'out of order' | 'changed' | 'invented';

export interface Violation {
	kind: ViolationKind;
	/** `database`, or the viewer's name. */
	where: string;
	sessionId: string;
	/** The event in question, by the number that its place knows it by. */
	what: string;
}

type Report = (kind: ViolationKind, what: string) => void;

const range = (first: number, last: number): number[] =>
	Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);

/**
 * Numbers against those that they should be, ascending and each once. One that comes late is out of
 * order; one that never comes is lost.
 */
const checkRun = (
	numbers: readonly number[],
	due: readonly number[],
	name: string,
	report: Report
): void => {
	const expected = new Set(due);
	const found = new Set<number>();
	let newest = 0;
	for (const number of numbers) {
		const what = `${name} ${number}`;
		if (!expected.has(number)) report('invented', what);
		else if (found.has(number)) report('twice', what);
		else if (number < newest) report('out of order', what);
		found.add(number);
		newest = Math.max(newest, number);
	}
	for (const number of due) if (!found.has(number)) report('lost', `${name} ${number}`);
};

const checkTruth = ({ truth }: SessionEvidence, report: Report): void =>
	truth.forEach(({ n }, index) => {
		// The runner itself must number without a hole, or nothing that follows could be told.
		if (n !== index + 1) report('lost', `outbox record ${index + 1}`);
	});

const checkDatabase = ({ truth, rows }: SessionEvidence, report: Report): void => {
	const seqs = rows.map(({ seq }) => seq);
	checkRun(seqs, range(1, seqs.at(-1) ?? 0), 'seq', report);
	const ns = rows.flatMap(({ n }) => (n === null ? [] : [n]));
	checkRun(ns, range(1, truth.at(-1)?.n ?? 0), 'n', report);
	const hashes = new Map(truth.map(({ n, hash }) => [n, hash]));
	for (const { n, originalHash } of rows) {
		const hash = n === null ? undefined : hashes.get(n);
		if (hash !== undefined && hash !== originalHash) report('changed', `n ${n}`);
	}
};

const checkViewer = (
	{ rows }: SessionEvidence,
	{ after, seen }: ViewerEvidence,
	report: Report
): void => {
	const seqs = seen.map(({ seq }) => seq);
	checkRun(seqs, range(after + 1, rows.at(-1)?.seq ?? 0), 'seq', report);
	const hashes = new Map(rows.map(({ seq, shownHash }) => [seq, shownHash]));
	for (const { seq, hash } of seen) {
		const shown = hashes.get(seq);
		if (shown !== undefined && shown !== hash) report('changed', `seq ${seq}`);
	}
};

const checkPage = ({ rows }: SessionEvidence, page: PageEvidence, report: Report): void => {
	const { first, head, hash, dueHash } = page;
	for (const seq of range(head + 1, rows.at(-1)?.seq ?? 0)) report('lost', `seq ${seq}`);
	if (hash !== dueHash) report('changed', `the window from ${first} to ${head}`);
};

/** Everything that is wrong with one session; empty when the promise was kept. */
export const checkSession = (evidence: SessionEvidence): Violation[] => {
	const found: Violation[] = [];
	const reportAt =
		(where: string): Report =>
		(kind, what) =>
			found.push({ kind, where, sessionId: evidence.sessionId, what });
	checkTruth(evidence, reportAt('outbox'));
	checkDatabase(evidence, reportAt('database'));
	for (const viewer of evidence.viewers) checkViewer(evidence, viewer, reportAt(viewer.name));
	for (const page of evidence.pages) checkPage(evidence, page, reportAt(page.name));
	return found;
};

/** How often each kind was found. */
export const countViolations = (
	violations: readonly Violation[]
): Record<ViolationKind, number> => {
	const counts = { lost: 0, twice: 0, 'out of order': 0, changed: 0, invented: 0 };
	for (const { kind } of violations) counts[kind] += 1;
	return counts;
};

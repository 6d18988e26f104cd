/**
 * Reads the head of what a sandbox sent: a bundle, or one line that says why there is none. The
 * sandbox is hostile, so only the exact form that we asked for is taken, and git never sees the head.
 */
export type Incoming =
	/** The branch is where the manager knows it to be. */
	| { kind: 'unchanged' }
	/** The branch is not there. */
	| { kind: 'missing' }
	/** The branch moved to a commit that the mirror has already. */
	| { kind: 'known'; tip: string }
	| { kind: 'bundle'; tip: string; packOffset: number };

/** More than this never precedes the pack of one ref. */
export const HEADER_MAX_BYTES = 64 * 1024;

const OID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

const parseLine = (text: string): Incoming | null => {
	const [word, tip = '', ...more] = text.replace(/\n$/, '').split(' ');
	if (more.length > 0) return null;
	if (word === 'missing' && tip === '') return { kind: 'missing' };
	if (!OID.test(tip)) return null;
	if (word === 'unchanged') return { kind: 'unchanged' };
	return word === 'known' ? { kind: 'known', tip } : null;
};

const parseBundle = (
	lines: readonly string[],
	ref: string,
	packOffset: number
): Incoming | null => {
	let tip: string | null = null;
	const [signature, ...rest] = lines;
	for (const line of rest) {
		if (signature === '# v3 git bundle' && /^@object-format=sha(1|256)$/.test(line)) continue;
		if (/^-[0-9a-f]{40,64}(?: |$)/.test(line)) continue;
		const space = line.indexOf(' ');
		if (tip !== null || line.slice(space + 1) !== ref || !OID.test(line.slice(0, space)))
			return null;
		tip = line.slice(0, space);
	}
	return tip === null ? null : { kind: 'bundle', tip, packOffset };
};

/**
 * `head` is the first 64 KiB of what came, `size` how much came in all; `ref` the one ref that may be
 * in it. Null for anything else.
 */
export const parseIncoming = (head: Buffer, size: number, ref: string): Incoming | null => {
	const text = head.toString('latin1');
	if (!text.startsWith('# v2 git bundle\n') && !text.startsWith('# v3 git bundle\n')) {
		return size <= 200 ? parseLine(text) : null;
	}
	const end = text.indexOf('\n\n');
	if (end < 0 || text.slice(end + 2, end + 6) !== 'PACK') return null;
	const lines = head.subarray(0, end).toString('utf8').split('\n');
	return parseBundle(lines, ref, end + 2);
};

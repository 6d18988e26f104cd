/**
 * Which of many paths fit what is typed. Every letter must be there in order; what is in the file's own name counts
 * more than what is in its folders, whole pieces more than scattered letters, short paths more than long ones.
 */

/** Paths with what is compared of them, made once. */
export interface PathIndex {
	paths: readonly string[];
	lower: readonly string[];
}

export const indexPaths = (paths: readonly string[]): PathIndex => ({
	paths,
	lower: paths.map((path) => path.toLowerCase())
});

/** How far the letters lie apart, first to last; null when they are not all there. */
const spreadOf = (path: string, query: string, from: number): number | null => {
	let at = from - 1;
	let first = -1;
	for (const letter of query) {
		at = path.indexOf(letter, at + 1);
		if (at < 0) return null;
		if (first < 0) first = at;
	}
	return at - first;
};

const SCORE = { nameBegins: 4_000, nameHas: 3_000, pathHas: 2_000, nameScattered: 1_000 };

const scoreOf = (path: string, query: string): number | null => {
	const name = path.lastIndexOf('/') + 1;
	const length = Math.min(path.length, 500);
	const inName = path.indexOf(query, name);
	if (inName === name) return SCORE.nameBegins - length;
	if (inName > name) return SCORE.nameHas - length;
	if (path.includes(query)) return SCORE.pathHas - length;
	const scattered = spreadOf(path, query, name);
	if (scattered !== null) return SCORE.nameScattered - Math.min(scattered, 400) - length;
	const spread = spreadOf(path, query, 0);
	return spread === null ? null : -Math.min(spread, 400) - length;
};

/** The best first, at most `most`. */
export const fittingPaths = (
	{ paths, lower }: PathIndex,
	typed: string,
	most: number
): string[] => {
	const query = typed.toLowerCase();
	if (query === '') return paths.slice(0, most);
	const best: { at: number; score: number }[] = [];
	for (let at = 0; at < lower.length; at += 1) {
		const score = scoreOf(lower[at] ?? '', query);
		if (score === null) continue;
		if (best.length === most && score <= (best.at(-1)?.score ?? 0)) continue;
		const place = best.findIndex((other) => other.score < score);
		best.splice(place < 0 ? best.length : place, 0, { at, score });
		if (best.length > most) best.pop();
	}
	return best.map(({ at }) => paths[at] ?? '');
};

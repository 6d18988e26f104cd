/** Which files a person means: every word that they typed is somewhere in the path, now or before a move. */

interface Moved {
	path: string;
	oldPath: string | null;
}

/** In the order that they have; all of them while nothing is typed. */
export const filterByPath = <T extends Moved>(files: readonly T[], typed: string): readonly T[] => {
	const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
	if (words.length === 0) return files;
	return files.filter(({ path, oldPath }) => {
		const text = (oldPath === null ? path : `${path}\n${oldPath}`).toLowerCase();
		return words.every((word) => text.includes(word));
	});
};

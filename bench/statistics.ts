/** `fraction` 0.5 is the median; between two values the nearer one is taken. NaN of nothing. */
export const quantile = (values: readonly number[], fraction: number): number => {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.round((sorted.length - 1) * fraction)] ?? Number.NaN;
};

/** Half-way between the two in the middle when their number is even. */
export const median = (values: readonly number[]): number => {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length / 2;
	if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] ?? Number.NaN;
	return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
};

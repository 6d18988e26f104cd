/**
 * Holes in the programs we stand on that reach our promises, with the versions that close them.
 * Distributions close holes without a new version number; see `backports.ts`.
 */

export interface Advisory {
	cves: readonly string[];
	/** First fixed version of each branch, oldest first. Newer branches than the last are fixed. */
	fixedIn: readonly string[];
	/** What an attacker gets. */
	risk: string;
}

/** github.blog 2025-07-08 and 2024-05-14: hostile repositories and submodules. */
export const GIT_ADVISORIES: readonly Advisory[] = [
	{
		cves: ['CVE-2025-48384'],
		fixedIn: ['2.43.7', '2.44.4', '2.45.4', '2.46.4', '2.47.3', '2.48.2', '2.49.1', '2.50.1'],
		risk: 'a hostile repository may run code when it is checked out with submodules'
	},
	{
		cves: ['CVE-2024-32002'],
		fixedIn: ['2.39.4', '2.40.2', '2.41.1', '2.42.2', '2.43.4', '2.44.1', '2.45.1'],
		risk: 'a hostile repository may run code when it is cloned with submodules'
	}
];

/** GHSA-xr7r-f8xq-vfvv, GHSA-9493-h29p-rfm2, GHSA-qw9x-cqr3-wc7r, GHSA-cgrx-mc8f-2prm. */
export const RUNC_ADVISORIES: readonly Advisory[] = [
	{
		cves: ['CVE-2025-31133', 'CVE-2025-52565', 'CVE-2025-52881'],
		fixedIn: ['1.2.8', '1.3.3', '1.4.0'],
		risk: 'a hostile container may get out'
	},
	{
		cves: ['CVE-2024-21626'],
		fixedIn: ['1.1.12'],
		risk: 'a hostile container may get out'
	}
];

/** GHSA-v23v-6jw2-98fq. */
export const ENGINE_ADVISORIES: readonly Advisory[] = [
	{
		cves: ['CVE-2024-41110'],
		fixedIn: ['23.0.15', '24.0.10', '25.0.6', '26.0.3', '26.1.5', '27.0.4', '27.1.1'],
		risk: 'authorization plugins of the engine may be passed by'
	}
];

/** docs.docker.com/security/security-announcements. */
export const DESKTOP_ADVISORIES: readonly Advisory[] = [
	{
		cves: ['CVE-2025-9074'],
		fixedIn: ['4.44.3'],
		risk: 'any container reaches the engine, and with it this machine'
	}
];

type Version = [major: number, minor: number, patch: number];

/** The first `1.2` or `1.2.3` in the text; null when there is none. */
export function parseVersion(text: string): Version | null {
	const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
	return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

const compare = (a: Version, b: Version): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];

export const isAtLeast = (version: string, floor: string): boolean => {
	const [found, wanted] = [parseVersion(version), parseVersion(floor)];
	return found !== null && wanted !== null && compare(found, wanted) >= 0;
};

/** By upstream's numbering: fixed within its own branch, or of a newer branch than any listed. */
function isFixed(version: string, fixedIn: readonly string[]): boolean {
	const found = parseVersion(version);
	if (found === null) return false;
	const floors = fixedIn.map(parseVersion).filter((floor) => floor !== null);
	const own = floors.find((floor) => floor[0] === found[0] && floor[1] === found[1]);
	const newest = floors.at(-1);
	if (own !== undefined) return compare(found, own) >= 0;
	return newest !== undefined && compare(found, newest) > 0;
}

/** Advisories that neither the version nor a distribution's backport closes. */
export const openAdvisories = (
	version: string,
	advisories: readonly Advisory[],
	backported: ReadonlySet<string> = new Set()
): Advisory[] =>
	advisories.filter(
		({ cves, fixedIn }) => !isFixed(version, fixedIn) && !cves.every((cve) => backported.has(cve))
	);

/** `CVE-… (what it gives): first fixed in 1.2.3`, one after the other. */
export const describeAdvisories = (advisories: readonly Advisory[]): string =>
	advisories
		.map(({ cves, fixedIn, risk }) => `${cves.join(', ')}: ${risk}; closed in ${fixedIn.at(-1)}`)
		.join('. ');

/**
 * Which holes the distribution has closed in an installed program, whatever its version number:
 * Debian, Ubuntu and the RPM families name each CVE in the package's changelog. Only believed for
 * the file that the package put there, so another build earlier on PATH gets no credit.
 */
import type { RunProgram } from './check.ts';

export interface BackportTools {
	run: RunProgram;
	/** Full path of a program on PATH with links followed, or null. */
	whereIs: (program: string) => Promise<string | null>;
	/** Text of a gzipped file, or null when it is not there. */
	readGzipped: (path: string) => Promise<string | null>;
}

/** Images without documentation have no changelogs: these versions are known by number. */
const KNOWN_BACKPORTS: readonly {
	package: string;
	/** Part of the version that names the release. */
	release: string;
	from: string;
	cves: readonly string[];
}[] = [
	{
		package: 'git',
		release: 'deb12',
		from: '1:2.39.5-0+deb12u3',
		cves: ['CVE-2025-48384', 'CVE-2024-32002']
	},
	{ package: 'runc', release: 'deb12', from: '1.1.5+ds1-1+deb12u1', cves: ['CVE-2024-21626'] },
	{
		package: 'docker.io',
		release: 'deb12',
		from: '20.10.24+dfsg1-1+deb12u1',
		cves: ['CVE-2024-41110']
	}
];

const CVE = /CVE-\d{4}-\d{4,}/g;

/** CVE names that the package of this program says it closes; empty for a program of no package. */
export async function backportedCves(
	program: string,
	tools: BackportTools
): Promise<ReadonlySet<string>> {
	const path = await tools.whereIs(program);
	if (path === null) return new Set();
	return (await debianCves(path, tools)) ?? (await rpmCves(path, tools)) ?? new Set();
}

async function debianCves(path: string, tools: BackportTools): Promise<Set<string> | null> {
	const name = await debianOwner(path, tools.run);
	if (name === null) return null;
	const changelog = await tools.readGzipped(`/usr/share/doc/${name}/changelog.Debian.gz`);
	const named = new Set(changelog?.match(CVE) ?? []);
	const asked = await tools.run('dpkg-query', ['-W', '-f', '${Version}', name]);
	const version = asked?.exitCode === 0 ? asked.stdout.trim() : '';
	for (const known of KNOWN_BACKPORTS) {
		if (known.package !== name || !version.includes(known.release)) continue;
		const at = await tools.run('dpkg', ['--compare-versions', version, 'ge', known.from]);
		if (at?.exitCode === 0) known.cves.forEach((cve) => named.add(cve));
	}
	return named;
}

/** Package that the file came from. `/usr/bin` may be listed as `/bin`. */
async function debianOwner(path: string, run: RunProgram): Promise<string | null> {
	for (const candidate of [path, path.replace(/^\/usr\//, '/')]) {
		const found = await run('dpkg-query', ['-S', candidate]);
		if (found === null) return null;
		if (found.exitCode === 0) return /^([a-z0-9.+-]+)/.exec(found.stdout)?.[1] ?? null;
	}
	return null;
}

async function rpmCves(path: string, { run }: BackportTools): Promise<Set<string> | null> {
	const found = await run('rpm', ['-qf', '--changelog', path]);
	return found?.exitCode === 0 ? new Set(found.stdout.match(CVE) ?? []) : null;
}

import { describe, expect, it } from 'vitest';
import { backportedCves, type BackportTools } from './backports.ts';
import type { ProgramResult } from './check.ts';

const answer = (stdout: string, exitCode = 0): ProgramResult => ({ exitCode, stdout, stderr: '' });

/** A machine: what each command line answers, and what its changelogs say. */
function machine(
	answers: Record<string, ProgramResult>,
	changelogs: Record<string, string> = {}
): BackportTools {
	return {
		run: async (program, argv) => {
			const found = answers[[program, ...argv].join(' ')];
			if (found !== undefined) return found;
			const isThere = Object.keys(answers).some((line) => line.startsWith(`${program} `));
			return isThere ? answer('', 1) : null;
		},
		whereIs: async () => '/usr/bin/git',
		readGzipped: async (path) => changelogs[path] ?? null
	};
}

const GIT_VERSION = 'dpkg-query -W -f ${Version} git';

describe('backportedCves', () => {
	it('reads the changelog of the Debian package that owns the file', async () => {
		const tools = machine(
			{ 'dpkg-query -S /usr/bin/git': answer('git: /usr/bin/git\n') },
			{ '/usr/share/doc/git/changelog.Debian.gz': 'Fix CVE-2025-48384\n  (CVE-2024-32002)' }
		);
		expect(await backportedCves('git', tools)).toEqual(
			new Set(['CVE-2025-48384', 'CVE-2024-32002'])
		);
	});

	it('finds a file that is listed under /bin, with its architecture', async () => {
		const tools = machine(
			{ 'dpkg-query -S /bin/git': answer('git:amd64: /bin/git\n') },
			{ '/usr/share/doc/git/changelog.Debian.gz': 'CVE-2025-48384' }
		);
		expect([...(await backportedCves('git', tools))]).toEqual(['CVE-2025-48384']);
	});

	it.each([
		['1:2.39.5-0+deb12u3', 0, ['CVE-2025-48384', 'CVE-2024-32002']],
		['1:2.39.5-0+deb12u2', 1, []]
	])('knows Debian 12’s %s by number, without a changelog', async (version, compared, cves) => {
		const tools = machine({
			'dpkg-query -S /usr/bin/git': answer('git: /usr/bin/git\n'),
			[GIT_VERSION]: answer(version),
			[`dpkg --compare-versions ${version} ge 1:2.39.5-0+deb12u3`]: answer('', compared)
		});
		expect([...(await backportedCves('git', tools))]).toEqual(cves);
	});

	it('gives no credit to a file of no package', async () => {
		const tools = machine(
			{ 'dpkg-query -S /usr/bin/other': answer('other: /usr/bin/other\n') },
			{ '/usr/share/doc/git/changelog.Debian.gz': 'CVE-2025-48384' }
		);
		expect(await backportedCves('git', tools)).toEqual(new Set());
	});

	it('reads the changelog of an RPM', async () => {
		const tools = machine({
			'rpm -qf --changelog /usr/bin/git': answer('- fix CVE-2025-48384')
		});
		expect([...(await backportedCves('git', tools))]).toEqual(['CVE-2025-48384']);
	});

	it('has nothing to say where there are no packages', async () => {
		expect(await backportedCves('git', machine({}))).toEqual(new Set());
	});
});

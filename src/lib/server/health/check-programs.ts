/** Node and git: without them nothing runs. */
import {
	describeAdvisories,
	GIT_ADVISORIES,
	isAtLeast,
	openAdvisories,
	parseVersion
} from './advisories.ts';
import { backportedCves, type BackportTools } from './backports.ts';
import { failed, good, warning, type Check } from './check.ts';

const OLDEST_NODE = '20.19';
/** `git init --initial-branch` and `--end-of-options` in all that we call. */
const OLDEST_GIT = '2.30';

export function checkNode(version: string): Check {
	if (isAtLeast(version, OLDEST_NODE)) return good('Node', version);
	return failed(
		'Node',
		`${version} is too old`,
		`Install Node ${OLDEST_NODE} or newer; 24 is recommended.`
	);
}

export async function checkGit(tools: BackportTools): Promise<Check> {
	const asked = await tools.run('git', ['--version']);
	if (asked === null) {
		return failed('git', 'not found', 'Install git, for instance: apt-get install git');
	}
	const version = parseVersion(asked.stdout)?.join('.');
	if (asked.exitCode !== 0 || version === undefined) {
		return failed('git', 'does not run', 'Run `git --version` and mend what it says.');
	}
	if (!isAtLeast(version, OLDEST_GIT)) {
		return failed('git', `${version} is too old`, `Install git ${OLDEST_GIT} or newer.`);
	}
	const open = openAdvisories(version, GIT_ADVISORIES, await backportedCves('git', tools));
	if (open.length === 0) return good('git', version);
	return warning(
		'git',
		`${version} has known holes: ${describeAdvisories(open)}`,
		'Update git. We never check out submodules on the host, but your own clones may.'
	);
}

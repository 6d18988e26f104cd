/** Can a sandbox be made, by which driver, and how well does it hold. */
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import type { DriverCheck } from '#lib/server/runner/sandbox/driver.ts';
import {
	describeAdvisories,
	DESKTOP_ADVISORIES,
	ENGINE_ADVISORIES,
	openAdvisories,
	parseVersion,
	RUNC_ADVISORIES,
	type Advisory
} from './advisories.ts';
import { backportedCves, type BackportTools } from './backports.ts';
import { failed, good, warning, type Check } from './check.ts';

export interface SandboxCheckOptions {
	wish: 'auto' | DriverKind;
	image: string;
	docker: DriverCheck;
	bubblewrap: DriverCheck;
}

/** Docker engine, image, bubblewrap. Each is a failure only when no driver is left. */
export function checkDrivers(options: SandboxCheckOptions): Check[] {
	const { wish, docker, bubblewrap } = options;
	const usable =
		(wish !== 'bubblewrap' && docker.available) || (wish !== 'docker' && bubblewrap.available);
	const missing = usable ? warning : failed;
	return [
		...dockerRows(options, missing),
		wish === 'docker'
			? good('bubblewrap', 'not wanted (SANDBOX_DRIVER is docker)')
			: driverRow('bubblewrap', bubblewrap, missing)
	];
}

type Missing = typeof warning;

function dockerRows({ wish, image, docker }: SandboxCheckOptions, missing: Missing): Check[] {
	const name = 'Docker engine';
	if (wish === 'bubblewrap') return [good(name, 'not wanted (SANDBOX_DRIVER is bubblewrap)')];
	if (docker.problem?.code !== 'sandbox_image_missing') {
		const engine = driverRow(name, docker, missing);
		return docker.available ? [engine, imageRow(image, docker)] : [engine];
	}
	return [
		good(name, docker.version ?? 'answers'),
		missing(
			'Sandbox image',
			`${image} is not there`,
			'It is built with the first session; or build it now: npm run build:image'
		)
	];
}

function imageRow(image: string, { outdated }: DriverCheck): Check {
	if (!outdated) return good('Sandbox image', image);
	return warning(
		'Sandbox image',
		`${image} was made from other sources than this app's`,
		'It is built anew with the next session; or build it now: npm run build:image'
	);
}

function driverRow(name: string, check: DriverCheck, missing: Missing): Check {
	if (!check.available) {
		const { message = 'cannot be used', hint = 'Install it.' } = check.problem ?? {};
		return missing(name, message, hint);
	}
	const found = check.version ?? 'works';
	if (check.limited) return good(name, found);
	return warning(
		name,
		`${found}, but sandboxes are not limited in CPU, memory and processes`,
		check.notes.join(' ') || 'Run the app where it may use cgroups.'
	);
}

/** Known holes of the engine, Docker Desktop and runc. Nothing for what is not there. */
export async function checkContainerPrograms(
	docker: DriverCheck,
	tools: BackportTools
): Promise<Check[]> {
	const asked = await tools.run('docker', ['version', '--format', '{{json .}}']);
	const said = asked === null ? '' : `${asked.stdout}\n${asked.stderr}`;
	const rows: Check[] = [];
	if (docker.version !== null) {
		const backported = await backportedCves('dockerd', tools);
		rows.push(...holes('Docker engine', docker.version, ENGINE_ADVISORIES, backported));
	}
	const desktop = /Docker Desktop[ v]*(\d+\.\d+\.\d+)/.exec(said)?.[1];
	if (desktop !== undefined) rows.push(...holes('Docker Desktop', desktop, DESKTOP_ADVISORIES));
	return [...rows, ...(await checkRunc(said, tools))];
}

/** The runc on PATH, and the engine's own where it is another. */
async function checkRunc(said: string, tools: BackportTools): Promise<Check[]> {
	const asked = await tools.run('runc', ['--version']);
	const onPath = asked === null ? null : parseVersion(asked.stdout)?.join('.');
	const ofEngine =
		/"Name":\s*"runc",\s*"Version":\s*"([^"]+)"/.exec(said)?.[1] ??
		/runc:\s*\n\s*Version:\s*(\S+)/.exec(said)?.[1];
	const rows =
		onPath === null || onPath === undefined
			? []
			: holes('runc', onPath, RUNC_ADVISORIES, await backportedCves('runc', tools));
	const other = parseVersion(ofEngine ?? '')?.join('.');
	if (other === undefined || other === onPath) return rows;
	return [...rows, ...holes('runc of the engine', other, RUNC_ADVISORIES)];
}

function holes(
	name: string,
	version: string,
	advisories: readonly Advisory[],
	backported?: ReadonlySet<string>
): Check[] {
	const open = openAdvisories(version, advisories, backported);
	if (open.length === 0) return [];
	return [
		warning(
			name,
			`${version} has known holes: ${describeAdvisories(open)}`,
			`Update ${name}, or use SANDBOX_DRIVER=bubblewrap until you can.`
		)
	];
}

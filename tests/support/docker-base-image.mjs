/**
 * A stand-in for the Dockerfile's base image, for machines that can't pull one: Debian from the
 * host's own package sources, with the host's Node, npm and certificate authorities. Made once per
 * machine and kept as a file.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, realpath, rename, rm, symlink, cp, copyFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findProgram, runProgram } from '../../scripts/run-program.mjs';

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

const codename = () =>
	/^VERSION_CODENAME=(\S+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'bookworm';

/** The host's package sources that serve its own release. */
const packageSources = () => {
	const folder = '/etc/apt/sources.list.d';
	const names = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
	return ['/etc/apt/sources.list', ...names].filter((path) => {
		if (!/\.(list|sources)$/.test(path) || !existsSync(path)) return false;
		const text = readFileSync(path, 'utf8').replace(/^\s*#.*$/gm, '');
		return text.includes(codename()) && /\bmain\b/.test(text);
	});
};

/** Node, npm and their settings as the public image has them, below a folder. @param {string} root */
const layNode = async (root) => {
	const local = join(root, 'usr/local');
	for (const name of ['bin', 'lib/node_modules', 'etc'])
		mkdirSync(join(local, name), { recursive: true });
	await copyFile(process.execPath, join(local, 'bin/node'));
	const npmProgram = await realpath(findProgram('npm') ?? '');
	await cp(dirname(dirname(npmProgram)), join(local, 'lib/node_modules/npm'), { recursive: true });
	for (const name of ['npm', 'npx']) {
		await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name));
	}
	const registry = await runProgram('npm', ['config', 'get', 'registry'], { quiet: true });
	const address = registry.split('\n').find((line) => URL.canParse(line.trim())) ?? '';
	await writeFile(join(local, 'etc/npmrc'), `registry=${address.trim()}\n`);
	if (existsSync(CERTIFICATES)) {
		mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true });
		await copyFile(CERTIFICATES, join(root, CERTIFICATES));
	}
};

/** @param {string} tar */
const makeTar = async (tar) => {
	const work = await mkdtemp(join(tmpdir(), 'agent-manager-base-'));
	try {
		const overlay = join(work, 'overlay');
		await layNode(overlay);
		const made = join(work, 'base.tar');
		await runProgram(
			findProgram('mmdebstrap') ?? 'mmdebstrap',
			[
				...['--variant=minbase', '--include=ca-certificates,libstdc++6', '--mode=root'],
				`--customize-hook=sync-in ${overlay} /`,
				'--customize-hook=chroot "$1" groupadd --gid 1000 node',
				'--customize-hook=chroot "$1" useradd --uid 1000 --gid node --create-home node',
				...[codename(), made, ...packageSources()]
			],
			{ quiet: true }
		);
		await runProgram('mv', [made, `${tar}.new`], { quiet: true });
		await rename(`${tar}.new`, tar);
	} finally {
		await rm(work, { recursive: true, force: true });
	}
};

/**
 * @param {{ dockerHost: string, name: string, folder: string }} options `folder` keeps the file.
 */
export async function makeBaseImage({ dockerHost, name, folder }) {
	if (!findProgram('mmdebstrap')) {
		throw new Error('no registry answers, and mmdebstrap is not installed: apt install mmdebstrap');
	}
	const tar = join(folder, `base-${codename()}-node-${process.versions.node}.tar`);
	if (!existsSync(tar)) await makeTar(tar);
	await runProgram(
		findProgram('docker') ?? 'docker',
		[
			'import',
			...['--change', `ENV NODE_EXTRA_CA_CERTS=${CERTIFICATES}`, '--change', 'CMD ["node"]'],
			...['--change', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
			...[tar, name]
		],
		{ quiet: true, env: { ...process.env, DOCKER_HOST: dockerHost } }
	);
}

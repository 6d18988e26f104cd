/** From the second start of the app to its first page, beside a bare SvelteKit app of the same size. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { currentVersionFolder } from '../adapter/versions.js';
import { runProgram } from '../scripts/run-program.mjs';
import { freePort } from '../tests/support/free-port.ts';
import { ms, signed, type Figure } from './figure.ts';
import { nowMs } from './clock.mjs';
import { Manager } from './manager-process.ts';
import { median } from './statistics.ts';
import { endProcess, ROOT, type Workbench } from './workbench.ts';

const MODULES = 40;
const POLL_MS = 5;

const scriptBytes = async (folder: string): Promise<number> => {
	let sum = 0;
	for (const entry of await readdir(folder, { recursive: true })) {
		if (entry.endsWith('.js')) sum += (await stat(join(folder, entry))).size;
	}
	return sum;
};

/** Modules of small functions, as many bytes as asked for, all loaded by the server's hooks. */
const writeFiller = async (folder: string, bytes: number): Promise<void> => {
	await mkdir(folder, { recursive: true });
	for (let module = 0; module < MODULES; module += 1) {
		const lines: string[] = ['export default {'];
		let length = 0;
		for (let index = 0; length < bytes / MODULES; index += 1) {
			const line = `\tf${index}(a, b) { const it = { a, b, sum: a + b + ${module * index} }; return it.sum > ${index} ? it : null; },`;
			lines.push(line);
			length += line.length;
		}
		await writeFile(join(folder, `filler-${module}.js`), `${lines.join('\n')}\n};\n`);
	}
	const names = Array.from({ length: MODULES }, (_, index) => index);
	const imports = names.map((index) => `import f${index} from './filler-${index}.js';`);
	await writeFile(
		join(folder, 'all.js'),
		`${imports.join('\n')}\nexport const all = [${names.map((index) => `f${index}`).join(', ')}];\n`
	);
};

/** The skeleton, built with the same SvelteKit and its own Node adapter. */
const buildSkeleton = async (bench: Workbench): Promise<string> => {
	const folder = await bench.makeFolder('skeleton');
	await cp(join(ROOT, 'bench', 'skeleton'), folder, { recursive: true });
	await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
	await writeFiller(
		join(folder, 'src', 'filler'),
		await scriptBytes(join(currentVersionFolder(join(ROOT, 'build')), 'server'))
	);
	await runProgram(process.execPath, [join('node_modules', 'vite', 'bin', 'vite.js'), 'build'], {
		cwd: folder,
		quiet: true
	});
	return folder;
};

const firstPage = async (
	start: (port: number) => ChildProcess,
	headers: Record<string, string>
): Promise<number> => {
	const port = await freePort();
	const startedAt = nowMs();
	const child = start(port);
	try {
		for (;;) {
			const page = await fetch(`http://127.0.0.1:${port}/`, { headers }).catch(() => null);
			const text = page?.ok ? await page.text() : '';
			if (text.includes('</html>')) return nowMs() - startedAt;
			if (child.exitCode !== null) throw new Error('the server ended');
			await new Promise((resolve) => setTimeout(resolve, POLL_MS));
		}
	} finally {
		await endProcess(child);
	}
};

const startSkeleton =
	(folder: string) =>
	(port: number): ChildProcess =>
		spawn(process.execPath, ['build'], {
			cwd: folder,
			stdio: 'ignore',
			env: { ...process.env, HOST: '127.0.0.1', PORT: String(port) }
		});

export const pageFigure: Figure = {
	name: 'page',
	runs: 7,
	async measure(bench, runs) {
		const skeleton = await buildSkeleton(bench);
		const workspaceRoot = await bench.makeFolder('workspace');
		const first = await Manager.start(bench, { driver: 'bubblewrap', workspaceRoot });
		await first.end();
		const token = (await readFile(join(workspaceRoot, 'token'), 'utf8')).trim();
		const startOurs = (port: number): ChildProcess =>
			Manager.spawn(bench, { driver: 'bubblewrap', workspaceRoot, env: { PORT: String(port) } });
		const bareMs: number[] = [];
		const oursMs: number[] = [];
		const headers = { authorization: `Bearer ${token}`, accept: 'text/html' };
		for (let run = 0; run < runs; run += 1) {
			bench.say(`run ${run + 1} of ${runs}`);
			bareMs.push(await firstPage(startSkeleton(skeleton), headers));
			oursMs.push(await firstPage(startOurs, headers));
		}
		const limit = median(bareMs);
		const measured = median(oursMs);
		return [
			{
				figure: 'second start of the app → first page',
				limit: ms(limit),
				measured: ms(measured),
				comparison: signed(ms(measured - limit), measured - limit),
				goal: '≤ +1 s',
				ok: measured <= limit + 1000
			}
		];
	}
};

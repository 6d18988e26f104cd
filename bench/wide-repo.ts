/** A repository of many files, written as one stream: the files themselves are never made. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { runProgram } from '../scripts/run-program.mjs';
import type { Workbench } from './workbench.ts';

const FILES_IN_FOLDER = 100;
const LINES = 12;

function* commitStream(files: number): Generator<string> {
	yield 'commit refs/heads/main\ncommitter Bench <bench@example.invalid> 1767225600 +0000\ndata 5\nBegin\n';
	for (let index = 0; index < files; index += 1) {
		const text = `export const value${index} = 'line of file ${index}';\n`.repeat(LINES);
		const folder = Math.floor(index / FILES_IN_FOLDER);
		yield `M 100644 inline src/folder-${folder}/file-${index}.ts\ndata ${text.length}\n${text}\n`;
	}
}

/** A bare one, whose `main` has this many files. */
export const makeWideRepo = async (bench: Workbench, files: number): Promise<string> => {
	const path = join(await bench.makeFolder('wide'), 'wide.git');
	await runProgram('git', ['init', '--quiet', '--bare', '--initial-branch=main', path], {
		quiet: true
	});
	const child = spawn('git', ['-C', path, 'fast-import', '--quiet'], {
		stdio: ['pipe', 'ignore', 'inherit']
	});
	const ended = once(child, 'exit');
	await finished(Readable.from(commitStream(files)).pipe(child.stdin));
	const [code] = await ended;
	if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
	return path;
};

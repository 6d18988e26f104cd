import { prepareFrom } from './prepare.ts';

const problem = await prepareFrom(process.env);
if (problem !== null) {
	process.stderr.write(`\n${problem}\n\n`);
	process.exitCode = 1;
}

import { describe, expect, it } from 'vitest';
import { destructiveWords } from './destructive-command.ts';

describe('destructiveWords', () => {
	it.each([
		'rm -rf build',
		'cd x && rm -r y',
		'rm dir -R',
		'sudo rm --recursive --force /',
		'git push --force',
		'git push -f origin main',
		'git push --force-with-lease origin main',
		'git push origin +main',
		'git push origin --delete main',
		'git -C repo reset --hard HEAD~1',
		'git clean -fdx',
		'git checkout -- .',
		'git restore .',
		'git branch -D main',
		'dd if=/dev/zero of=/dev/sda',
		'mkfs.ext4 /dev/sda1',
		'psql -c "DROP TABLE users"',
		'find . -name "*.ts" -delete',
		'echo one\nrm -rf two',
		'rm \\\n -rf build',
		'kubectl delete ns production',
		'chmod -R 777 .'
	])('names %j', (command) => {
		expect(destructiveWords(command)).not.toBeNull();
	});

	it.each([
		'npm test',
		'git push origin feature',
		'git push -u origin feature-force',
		'rm notes.txt',
		'git checkout -b next',
		'git reset HEAD a.txt',
		'echo firm -rarely',
		'git branch -d merged',
		'ls -R',
		'git clean -n'
	])('lets %j pass', (command) => {
		expect(destructiveWords(command)).toBeNull();
	});

	it('takes what nobody can read at a glance for one, and at once', () => {
		const before = performance.now();
		expect(destructiveWords(`git ${'push '.repeat(200_000)}`)).toMatch('too long');
		expect(performance.now() - before).toBeLessThan(1_000);
	});
});

import { describe, expect, it } from 'vitest';
import { isListedHost, parseRepoAddress } from './repo-address.ts';

const options = { allowGitHosts: ['127.0.0.1:8080', 'git.lan'], home: '/home/me' };
const parse = (input: string) => parseRepoAddress(input, options);
const parsed = (input: string) => {
	const result = parse(input);
	if (!result.ok) throw new Error(`${input}: ${result.error.message}`);
	return result.value;
};

describe('parseRepoAddress', () => {
	it.each([
		['Octo/Hello.World', 'https://github.com/Octo/Hello.World.git'],
		['Octo/Hello.World.git', 'https://github.com/Octo/Hello.World.git'],
		['  https://github.com/Octo/Hello.World  ', 'https://github.com/Octo/Hello.World.git'],
		['https://github.com/Octo/Hello.World.git', 'https://github.com/Octo/Hello.World.git'],
		['https://github.com/Octo/Hello.World/', 'https://github.com/Octo/Hello.World.git'],
		['HTTPS://WWW.GitHub.com:443/Octo/Hello.World', 'https://github.com/Octo/Hello.World.git'],
		['git@github.com:Octo/Hello.World.git', 'git@github.com:Octo/Hello.World.git'],
		['ssh://git@github.com/Octo/Hello.World', 'git@github.com:Octo/Hello.World.git'],
		['ssh://git@ssh.github.com:443/Octo/Hello.World', 'git@github.com:Octo/Hello.World.git']
	])('%j is that GitHub repository', (input, url) => {
		expect(parsed(input)).toMatchObject({
			kind: 'github',
			owner: 'Octo',
			name: 'Hello.World',
			url,
			webUrl: 'https://github.com/Octo/Hello.World',
			identity: 'github:octo/hello.world',
			mirrorPath: 'repos/octo/hello.world.git',
			host: 'github.com'
		});
	});

	it.each([
		[
			'https://gitlab.com/group/sub/app.git',
			'git:gitlab.com/group/sub/app',
			'gitlab.com/group/sub'
		],
		['git@gitlab.com:group/sub/app.git', 'git:gitlab.com/group/sub/app', 'gitlab.com/group/sub'],
		[
			'ssh://me@GitLab.com:22/group/sub/app',
			'git:gitlab.com/group/sub/app',
			'gitlab.com/group/sub'
		],
		['https://code.example:8443/app', 'git:code.example:8443/app', 'code.example:8443'],
		['https://git.sr.ht/~user/app', 'git:git.sr.ht/~user/app', 'git.sr.ht/~user'],
		['http://git.lan/app', 'git:git.lan/app', 'git.lan'],
		['http://127.0.0.1:8080/a/app', 'git:127.0.0.1:8080/a/app', '127.0.0.1:8080/a'],
		['ssh://git@[2001:db8::1]:2222/a/app', 'git:[2001:db8::1]:2222/a/app', '[2001:db8::1]:2222/a']
	])('%j is known as %s', (input, identity, owner) => {
		expect(parsed(input)).toMatchObject({ kind: 'git', identity, owner, name: 'app' });
	});

	it('reads a local path', () => {
		expect(parsed('/home/me//code/./my app/')).toMatchObject({
			kind: 'local',
			owner: 'local',
			name: 'my app',
			url: '/home/me/code/my app',
			identity: 'local:/home/me/code/my app',
			transport: 'file',
			host: null
		});
		expect(parsed('/home/me/code/my app').mirrorPath).toMatch(
			/^repos\/local\/my-app-[0-9a-f]{8}\.git$/
		);
		expect(parsed('~/code/app').url).toBe('/home/me/code/app');
		expect(parsed('/srv/app.git').name).toBe('app');
		expect(parsed('/srv/app/.git').name).toBe('app');
	});

	it('gives the same again for its own url', () => {
		for (const input of [
			'o/r',
			'git@github.com:o/r',
			'ssh://u@h.example:99/a/b',
			'u@h.example:a/b',
			'/srv/x'
		]) {
			expect(parsed(parsed(input).url)).toEqual(parsed(input));
		}
	});

	it('keeps every mirror in a folder of its own', () => {
		const inputs = [
			'local/app',
			'/local/app',
			'localhost/app',
			'https://git.example/a/b',
			'https://git.example/a/B',
			'https://git.example:444/a/b',
			'https://git.example/a/b.git/c',
			'https://git.example/a/b%20c',
			'https://git.example/a/b_c',
			'ssh://git@localhost/app'
		];
		const paths = inputs.map((input) => parsed(input).mirrorPath);
		expect(new Set(paths).size).toBe(inputs.length);
		for (const path of paths) {
			expect(path).toMatch(/^repos\/[^/].*\.git$/);
			expect(
				path
					.split('/')
					.slice(0, -1)
					.some((part) => part.endsWith('.git'))
			).toBe(false);
			expect(path).not.toContain('..');
		}
	});

	it.each([
		'',
		' ',
		'x'.repeat(100_000),
		'--upload-pack=touch marker',
		'-u/x',
		'ext::sh -c touch% marker',
		'ext::sh',
		'fd::17',
		'file:///etc',
		'file://localhost/etc',
		'git://github.com/o/r',
		'ftp://example.com/r',
		'javascript:alert(1)',
		'ssh://-oProxyCommand=touch marker/x',
		'ssh://-oProxyCommand=x/x',
		'-oProxyCommand=x:y/z',
		'git@-oProxyCommand=x:y',
		'git@github.com:o/r;touch marker',
		'git@github.com:o/r;touch',
		'git@github.com:$(id)/r',
		'git@github.com:-o/r',
		'ssh://git:pw@gitlab.com/o/r',
		'https://github.com@evil/x',
		'https://github.com@evil.example/x/y',
		'https://github.com/o/r#',
		'https://github.com/o/r?x=1',
		'https://github.com/../..',
		'https://github.com/a/../o/r',
		'https://github.com/o/%2e%2e',
		'https://gitlab.com/o/%2e%2e%2fx',
		'https://gitlab.com/o/a%00b',
		'https://gitlab.com/o/%zz',
		'https://user:pass@github.com/o/r',
		'https://token@github.com/o/r',
		'https://@github.com/o/r',
		'http://github.com/o/r',
		'http://gitlab.com/o/r',
		'http://127.0.0.1:9/o/r',
		'https://github.com/',
		'https://github.com/o',
		'https://github.com/o/r/tree/main',
		'https://github.com/o//r',
		'https://gitlab.com',
		'https://gitlab.com/',
		'https://gitlab.com/.git',
		'https://127.0.0.1/',
		'https://[::1]/',
		'https://2130706433/o/r',
		'https://0177.0.0.1/o/r',
		'https://0x7f.0.0.1/o/r',
		'https://0x7f000001/o/r',
		'https://127.1/o/r',
		'https://localtest.me/',
		'https://gitlab.com:0/o/r',
		'https://gitlab.com:99999/o/r',
		'https://gitlab.com:/o/r',
		'https://git_lab.com/o/r',
		'https://gitlab.com./o/r',
		'https://gіthub.com/o/r',
		'https://gitlab.com/o/\u202er',
		'o/r\u0000',
		'o/r\nx',
		'o/..',
		'../r',
		'o/.',
		'o',
		'-o/r',
		'o-/r',
		'o/r/x',
		'C:\\code\\app',
		'C:/code',
		'/',
		'//',
		'/a\u0000b',
		'/a\nb',
		'\ud800/r'
	])('refuses %j', (input) => {
		const result = parse(input);
		expect(result).toMatchObject({ ok: false, error: { code: 'repo_url_invalid' } });
	});

	it('never repeats a credential', () => {
		const result = parse('https://user:s3cret@github.com/o/r');
		expect(JSON.stringify(result)).not.toContain('s3cret');
	});
});

describe('isListedHost', () => {
	it('compares host, and port where the entry has one', () => {
		expect(isListedHost('git.lan', 443, ['Git.LAN'])).toBe(true);
		expect(isListedHost('git.lan', 8443, ['git.lan:443'])).toBe(false);
		expect(isListedHost('git.lan', 443, ['git.lan:443'])).toBe(true);
		expect(isListedHost('::1', 80, ['[::1]:80'])).toBe(true);
		expect(isListedHost('evilgit.lan', 443, ['git.lan'])).toBe(false);
		expect(isListedHost('git.lan', 443, [])).toBe(false);
	});
});

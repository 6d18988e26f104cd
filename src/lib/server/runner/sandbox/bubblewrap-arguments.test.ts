import { describe, expect, it } from 'vitest';
import type { BubblewrapHost } from './bubblewrap-arguments.ts';
import { bubblewrapArguments } from './bubblewrap-arguments.ts';

const host: BubblewrapHost = {
	system: [
		{ path: '/usr', link: null },
		{ path: '/bin', link: 'usr/bin' }
	],
	etc: ['ld.so.cache'],
	synthetic: [{ source: '/state/passwd', target: '/etc/passwd' }],
	dropTo: null,
	canSizeTmpfs: true
};
const options = { workingDirectory: '/w', temporaryBytes: 1024, seccompFd: 5, infoFd: 4 };

const textOf = (
	change: Partial<BubblewrapHost>,
	binds = [{ path: '/home/me/w', writable: true }]
) => bubblewrapArguments({ ...host, ...change }, binds, options, ['program', 'argument']).join(' ');

describe('bubblewrapArguments', () => {
	it('never has a network and never a capability', () => {
		for (const dropTo of [null, { uid: 5, gid: 6 }]) {
			const text = textOf({ dropTo });
			expect(text).toContain('--unshare-net');
			expect(text).toContain('--unshare-pid');
			expect(text).toContain('--cap-drop ALL');
			expect(text).not.toContain('--share-net');
		}
	});

	it('makes a user namespace for an ordinary user, and drops the uid for root', () => {
		expect(textOf({})).toMatch(/--unshare-user .* -- program argument$/);
		const root = textOf({ dropTo: { uid: 5, gid: 6 } });
		expect(root).not.toContain('--unshare-user');
		expect(root).toMatch(/-- setpriv --reuid 5 --regid 6 .*--no-new-privs -- program argument$/);
	});

	it('opens each folder above a bind, which else only root could pass', () => {
		expect(textOf({})).toContain(
			'--perms 0755 --dir /home --perms 0755 --dir /home/me --bind /home/me/w /home/me/w'
		);
	});

	it('binds read-only unless told otherwise, later ones on top', () => {
		const text = textOf({}, [
			{ path: '/s', writable: true },
			{ path: '/s/door', writable: false }
		]);
		expect(text.indexOf('--bind /s /s')).toBeGreaterThan(0);
		expect(text.indexOf('--ro-bind /s/door /s/door')).toBeGreaterThan(text.indexOf('--bind /s /s'));
		expect(text).toMatch(/--remount-ro \/ --chdir \/w --/);
	});

	it('caps /tmp only where bubblewrap can', () => {
		expect(textOf({})).toContain('--size 1024 --perms 1777 --tmpfs /tmp');
		expect(textOf({ canSizeTmpfs: false })).not.toContain('--size');
	});
});

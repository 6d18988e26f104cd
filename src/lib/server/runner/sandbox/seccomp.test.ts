import { describe, expect, it } from 'vitest';
import { seccompFilter } from './seccomp.ts';

const ALLOW = 'allow';
const CLONE_NEWUSER = 0x1000_0000;
const AUDIT = { x64: 0xc000_003e, arm64: 0xc000_00b7 };

/** Runs a filter as the kernel would: what it answers to one system call. */
const answer = (
	filter: Buffer,
	call: { arch: number; number: number; argument?: number }
): string => {
	const data: Record<number, number> = { 0: call.number, 4: call.arch, 16: call.argument ?? 0 };
	let loaded = 0;
	for (let at = 0; at < filter.length / 8; at++) {
		const code = filter.readUInt16LE(at * 8);
		const value = filter.readUInt32LE(at * 8 + 4);
		if (code === 0x20) loaded = data[value] ?? 0;
		else if (code === 0x06) {
			return value === 0x7fff_0000 ? ALLOW : `errno ${value & 0xffff}`;
		} else {
			const holds =
				code === 0x15 ? loaded === value : code === 0x35 ? loaded >= value : (loaded & value) !== 0;
			at += filter.readUInt8(at * 8 + (holds ? 2 : 3));
		}
	}
	return 'fell off the end';
};

describe.each([
	['x64' as const, { clone: 56, unshare: 272, mount: 165, keyctl: 250, read: 0, execve: 59 }],
	['arm64' as const, { clone: 220, unshare: 97, mount: 40, keyctl: 219, read: 63, execve: 221 }]
])('the filter for %s', (architecture, numbers) => {
	const filter = seccompFilter(architecture) ?? Buffer.alloc(0);
	const arch = AUDIT[architecture];
	const ask = (number: number, argument?: number): string =>
		answer(filter, { arch, number, argument });

	it('lets ordinary calls through', () => {
		for (const number of [numbers.read, numbers.execve]) expect(ask(number)).toBe(ALLOW);
		expect(ask(numbers.clone, 0x0001_1200)).toBe(ALLOW);
		expect(ask(numbers.unshare, 0x400)).toBe(ALLOW);
	});

	it('refuses namespaces, mounts and keyrings', () => {
		expect(ask(numbers.clone, CLONE_NEWUSER | 17)).toBe('errno 1');
		expect(ask(numbers.unshare, CLONE_NEWUSER)).toBe('errno 1');
		expect(ask(numbers.mount)).toBe('errno 1');
		expect(ask(numbers.keyctl)).toBe('errno 1');
	});

	it('says that there is no clone3, and no io_uring', () => {
		expect(ask(435)).toBe('errno 38');
		expect(ask(425)).toBe('errno 1');
	});

	it('knows no other ABI', () => {
		expect(answer(filter, { arch: 0x4000_0003, number: numbers.read })).toBe('errno 1');
		expect(ask(0x4000_0000 + numbers.read)).toBe('errno 38');
	});
});

it('is not there for other processors', () => {
	expect(seccompFilter('mips')).toBeNull();
});

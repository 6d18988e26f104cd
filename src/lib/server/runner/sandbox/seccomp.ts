/**
 * The system call filter of bubblewrap sandboxes, as a classic BPF program. It closes what dropped
 * capabilities leave open: new user namespaces (where mounts become possible again), the kernel's
 * keyrings, and interfaces that are mostly known from exploits. Docker has a filter of its own.
 */

const EPERM = 1;
const ENOSYS = 38;

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_EQUAL = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

const ALLOW = 0x7fff_0000;
const refuse = (errno: number): number => 0x0005_0000 | errno;

/** Offsets in the kernel's `struct seccomp_data`. */
const NUMBER_OFFSET = 0;
const ARCH_OFFSET = 4;
const FIRST_ARGUMENT_LOW = 16;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACE_FLAGS = 0x7e02_0000;
/** Numbers with this bit are the x32 ABI on x86-64, which would slip past the list. */
const X32_BIT = 0x4000_0000;

interface Machine {
	/** How the kernel names the architecture in `seccomp_data`. */
	audit: number;
	clone: number;
	unshare: number;
	refused: readonly number[];
}

/** The same number everywhere, as for every call since 424. */
const CLONE3 = 435;
/** io_uring, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr. */
const REFUSED_EVERYWHERE = [425, 426, 427, 428, 429, 430, 431, 432, 433, 442];

const MACHINES: Partial<Record<NodeJS.Architecture, Machine>> = {
	x64: {
		audit: 0xc000_003e,
		clone: 56,
		unshare: 272,
		refused: [
			...[165, 166, 155, 308], // mount, umount2, pivot_root, setns
			...[248, 249, 250], // add_key, request_key, keyctl
			...[298, 304, 321, 323], // perf_event_open, open_by_handle_at, bpf, userfaultfd
			...[175, 176, 313, 246, 320] // init, delete, finit_module; kexec_load, kexec_file_load
		]
	},
	arm64: {
		audit: 0xc000_00b7,
		clone: 220,
		unshare: 97,
		refused: [
			...[40, 39, 41, 268], // as above, in the same order
			...[217, 218, 219],
			...[241, 265, 280, 282],
			...[105, 106, 273, 104, 294]
		]
	}
};

type Instruction = readonly [code: number, onTrue: number, onFalse: number, value: number];

const isNumber = (number: number, result: number): Instruction[] => [
	[JUMP_EQUAL, 0, 1, number],
	[RETURN, 0, 0, result]
];

const createsNamespace = (number: number): Instruction[] => [
	[JUMP_EQUAL, 0, 4, number],
	[LOAD_WORD, 0, 0, FIRST_ARGUMENT_LOW],
	[JUMP_ANY_BIT, 0, 1, NEW_NAMESPACE_FLAGS],
	[RETURN, 0, 0, refuse(EPERM)],
	[RETURN, 0, 0, ALLOW]
];

/**
 * The filter for a processor architecture as the bytes that `bwrap --seccomp` reads, or null where
 * there is none. `clone3` hides its flags in memory, so it is said not to exist and libc falls back.
 */
export const seccompFilter = (architecture: NodeJS.Architecture): Buffer | null => {
	const machine = MACHINES[architecture];
	if (!machine) return null;
	const program: Instruction[] = [
		[LOAD_WORD, 0, 0, ARCH_OFFSET],
		[JUMP_EQUAL, 1, 0, machine.audit],
		[RETURN, 0, 0, refuse(EPERM)],
		[LOAD_WORD, 0, 0, NUMBER_OFFSET],
		[JUMP_GREATER_EQUAL, 0, 1, X32_BIT],
		[RETURN, 0, 0, refuse(ENOSYS)],
		...isNumber(CLONE3, refuse(ENOSYS)),
		...createsNamespace(machine.clone),
		...createsNamespace(machine.unshare),
		...[...machine.refused, ...REFUSED_EVERYWHERE].flatMap((number) =>
			isNumber(number, refuse(EPERM))
		),
		[RETURN, 0, 0, ALLOW]
	];
	const bytes = Buffer.alloc(program.length * 8);
	program.forEach(([code, onTrue, onFalse, value], index) => {
		bytes.writeUInt16LE(code, index * 8);
		bytes.writeUInt8(onTrue, index * 8 + 2);
		bytes.writeUInt8(onFalse, index * 8 + 3);
		bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
	});
	return bytes;
};

/** What a session has changed, as its page shows it: a list, and the diff of the file that is open. */
import type {
	ChangedFile,
	Changes,
	ChangeScope,
	FileDiff,
	SessionCommit,
	SessionCommits
} from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { latestOnly } from '#lib/domain/latest-only.ts';
import type { Result } from '#lib/domain/result.ts';
import { callApi } from './api-client.ts';

type Call = <T>(path: string) => Promise<Result<T, WireError>>;

/** Each look into a worktree costs a sandbox: an agent that writes all the time is followed at this pace. */
const PAUSE_MS = 1_500;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What holds an agent up comes before what is merely first. */
const firstToRead = (files: readonly ChangedFile[]): ChangedFile | undefined =>
	files.find(({ status }) => status === 'conflicted') ?? files[0];

export class ChangesController {
	scope = $state<ChangeScope>('base');
	changes = $state.raw<Changes | null>(null);
	/** To choose from; read in the scope `commit` alone. */
	commits = $state.raw<SessionCommits | null>(null);
	/** The one that is shown, in that scope. */
	commit = $state.raw<SessionCommit | null>(null);
	/** Why the list is not what it should be; what was read before stays. */
	error = $state.raw<WireError | null>(null);
	/** The file that is open. */
	file = $state.raw<ChangedFile | null>(null);
	diff = $state.raw<FileDiff | null>(null);
	diffError = $state.raw<WireError | null>(null);

	readonly #sessionId: string;
	readonly #opensFirst: () => boolean;
	readonly #call: Call;
	readonly #look: () => void;
	#disposed = false;

	/** `opensFirst`: is there room for a file beside the list, so that one is open unasked? */
	constructor(sessionId: string, opensFirst: () => boolean, call: Call = callApi) {
		this.#sessionId = sessionId;
		this.#opensFirst = opensFirst;
		this.#call = call;
		const look = latestOnly(async (_key: 'list') => {
			if (this.#disposed) return;
			await this.#read();
			await pause(this.looksIntoWorktree ? PAUSE_MS : 0);
		});
		this.#look = () => look('list');
	}

	dispose(): void {
		this.#disposed = true;
	}

	/** Is more shown than commits? */
	get looksIntoWorktree(): boolean {
		return this.scope === 'uncommitted' || this.scope === 'turn';
	}

	choose(scope: ChangeScope): void {
		if (scope === this.scope) return;
		this.scope = scope;
		this.#show(null);
	}

	/** Null for the list of them again. */
	chooseCommit(commit: SessionCommit | null): void {
		if (this.scope === 'commit') this.#show(commit);
	}

	/** Something may have changed. */
	refresh(): void {
		this.#look();
	}

	open(file: ChangedFile): void {
		if (file.path === this.file?.path && this.diffError === null) return;
		this.file = file;
		this.diff = null;
		this.diffError = null;
		void this.#readDiff(file);
	}

	close(): void {
		this.file = null;
		this.diff = null;
		this.diffError = null;
	}

	#show(commit: SessionCommit | null): void {
		this.commit = commit;
		this.changes = null;
		this.error = null;
		this.close();
		void this.#read();
	}

	/** What is to be compared, as a query; the same as before as long as it is what is shown. */
	#compared(): URLSearchParams {
		const { scope, commit } = this;
		return new URLSearchParams(commit ? { scope, commit: commit.id } : { scope });
	}

	#isShown(compared: URLSearchParams): boolean {
		return !this.#disposed && String(compared) === String(this.#compared());
	}

	async #read(): Promise<void> {
		const compared = this.#compared();
		const path = `/api/sessions/${this.#sessionId}`;
		if (this.scope === 'commit' && !this.commit) {
			const listed = await this.#call<SessionCommits>(`${path}/commits`);
			if (!this.#isShown(compared)) return;
			this.error = listed.ok ? null : listed.error;
			if (listed.ok) this.commits = listed.value;
			return;
		}
		const read = await this.#call<Changes>(`${path}/changes?${compared}`);
		if (!this.#isShown(compared)) return;
		this.error = read.ok ? null : read.error;
		if (!read.ok) return;
		this.changes = read.value;
		const open = this.file;
		const still = open && read.value.files.find(({ path }) => path === open.path);
		if (open && !still) this.close();
		const next = still ?? (this.#opensFirst() ? firstToRead(read.value.files) : undefined);
		if (!next) return;
		this.file = next;
		await this.#readDiff(next);
	}

	async #readDiff(file: ChangedFile): Promise<void> {
		const compared = this.#compared();
		const query = new URLSearchParams(compared);
		query.set('path', file.path);
		if (file.oldPath !== null) query.set('oldPath', file.oldPath);
		const read = await this.#call<FileDiff>(
			`/api/sessions/${this.#sessionId}/changes/file?${query}`
		);
		if (!this.#isShown(compared) || this.file?.path !== file.path) return;
		this.diffError = read.ok ? null : read.error;
		// Drawn anew only when it reads otherwise: a refresh must not move what somebody reads.
		if (read.ok && read.value.hunks === this.diff?.hunks) return;
		this.diff = read.ok ? read.value : null;
	}
}

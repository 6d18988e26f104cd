/** The paths of a session's files, fetched when somebody begins to name one. */
import type { FileList } from '@agent-manager/protocol/changes.ts';
import { fittingPaths, indexPaths, type PathIndex } from '#lib/domain/fuzzy-path.ts';
import { callApi } from './api-client.ts';

const SHOWN_MAX = 8;

export class WorktreeFiles {
	state = $state<'idle' | 'loading' | 'ready' | 'failed'>('idle');
	#index = $state.raw<PathIndex>({ paths: [], lower: [] });
	readonly #sessionId: string;
	/** What the list was fetched after; another one makes it old. */
	#asOf: number | null = null;

	constructor(sessionId: string) {
		this.#sessionId = sessionId;
	}

	/** `activity`: the newest thing that may have changed files. The list that is there stays until the new one is. */
	async load(activity: number): Promise<void> {
		if (this.state === 'loading' || this.#asOf === activity) return;
		this.#asOf = activity;
		this.state = this.state === 'ready' ? 'ready' : 'loading';
		const listed = await callApi<FileList>(`/api/sessions/${this.#sessionId}/files`);
		if (listed.ok) this.#index = indexPaths(listed.value.paths);
		else this.#asOf = null;
		this.state = listed.ok || this.state === 'ready' ? 'ready' : 'failed';
	}

	fitting(typed: string): string[] {
		return fittingPaths(this.#index, typed, SHOWN_MAX);
	}
}

/**
 * The truth, kept: a runner removes the segments of its outbox that are committed, so each is linked
 * under a second name as soon as it appears. What the runner appends later is seen under both.
 */
import { linkSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRecord, segmentFirstN } from '../../packages/runner/src/outbox-codec.ts';
import { outboxRecordSchema } from '../../packages/protocol/src/runner-frames.ts';
import type { TruthRecord } from './checker.ts';
import { eventHash } from './event-hash.ts';

/** Far less than a segment lives: it is filled first, and forgotten half a second after its commit. */
const LOOK_MS = 100;

const namesIn = (folder: string): string[] => {
	try {
		return readdirSync(folder);
	} catch {
		return [];
	}
};

export class OutboxKeeper {
	readonly #sessions: string;
	readonly #kept: string;
	readonly #known = new Set<string>();
	readonly #timer: NodeJS.Timeout;

	/** `kept` must be on the file system of the workspace. */
	constructor(workspace: string, kept: string) {
		this.#sessions = join(workspace, 'sessions');
		this.#kept = kept;
		this.#timer = setInterval(() => this.look(), LOOK_MS);
	}

	look(): void {
		for (const session of namesIn(this.#sessions)) {
			for (const name of namesIn(join(this.#sessions, session, 'outbox'))) {
				const key = join(session, name);
				if (segmentFirstN(name) === null || this.#known.has(key)) continue;
				mkdirSync(join(this.#kept, session), { recursive: true });
				linkSync(join(this.#sessions, session, 'outbox', name), join(this.#kept, key));
				this.#known.add(key);
			}
		}
	}

	/** Every sound record of the session's outbox, as it was written. */
	records(session: string): TruthRecord[] {
		this.look();
		const folder = join(this.#kept, session);
		const segments = namesIn(folder).sort();
		return segments.flatMap((name) => readSegment(join(folder, name)));
	}

	end(): void {
		clearInterval(this.#timer);
	}
}

/** Up to where it is torn: what follows was never durable, so it was never sent. */
const readSegment = (path: string): TruthRecord[] => {
	const bytes = readFileSync(path);
	const records: TruthRecord[] = [];
	for (let offset = 0; ;) {
		const decoded = decodeRecord(bytes, offset);
		if (decoded.kind !== 'record') return records;
		const record = outboxRecordSchema.parse(JSON.parse(decoded.json.toString('utf8')));
		records.push({ n: record.n, hash: eventHash(record) });
		offset = decoded.end;
	}
};

/**
 * One viewer of one session. Replay and tail are the same code: a cursor, and a pull of what comes
 * after it until nothing does. A wake-up only says that there is more. Snapshots are sent by the same
 * loop, and only where the cursor has reached the head that they are of: nothing overtakes an event.
 */
import { BROWSER_CLOSE } from '@agent-manager/protocol/browser-frames.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { TranscriptCarry } from '@agent-manager/protocol/transcript-carry.ts';
import type { SessionSignal } from '#lib/server/sessions/hub.ts';
import type { BrowserServices, Viewer } from './viewer.ts';

const PAGE = 500;
/** Above this much unsent, nothing more is pulled and deltas are left out. */
const BUFFER_MAX_BYTES = 1_048_576;
/** A viewer that takes nothing for so long is closed; it resumes by its cursor. */
const STALL_MS = 10_000;

export class SessionSubscription {
	readonly #viewer: Viewer;
	readonly #services: BrowserServices;
	readonly #sessionId: SessionId;
	readonly #stopListening: () => void;
	/** null until the opening snapshot is sent. */
	#cursor: number | null = null;
	#pulling = false;
	#again = false;
	#ended = false;
	/** Something was left out: at the head, the session and its partial messages are due as a whole. */
	#snapshotDue = false;
	#stall: NodeJS.Timeout | null = null;

	constructor(viewer: Viewer, services: BrowserServices, sessionId: SessionId) {
		this.#viewer = viewer;
		this.#services = services;
		this.#sessionId = sessionId;
		this.#stopListening = services.hub.onSession(sessionId, (signal) => this.#hear(signal));
	}

	/**
	 * Opens with a snapshot, then follows; with `afterSeq` every event after it comes as such. Resolves
	 * when it is open: who is sent a long backlog may ask for something else meanwhile.
	 */
	async begin(afterSeq: number | undefined): Promise<void> {
		if (afterSeq === undefined) {
			const opened = await this.#services.sessions.transcripts.open(this.#sessionId);
			if (this.#ended) return;
			if (!opened.ok) return this.#viewer.refuse(opened.error, this.#sessionId);
			const { session, events, carry, head } = opened.value;
			this.#sendSnapshot(session, events, carry);
			this.#cursor = head;
		} else {
			const found = await this.#services.sessions.get(this.#sessionId);
			if (this.#ended) return;
			if (!found.ok) return this.#viewer.refuse(found.error, this.#sessionId);
			this.#sendSnapshot(found.value);
			this.#cursor = Math.min(afterSeq, found.value.head);
		}
		void this.#pull();
	}

	/** The session and its partial messages, as soon as every event before them is sent. */
	snapshot(): Promise<void> {
		this.#snapshotDue = true;
		return this.#pull();
	}

	/** The session and its partial messages as of now, for somebody who does not follow. */
	async sendOnce(): Promise<void> {
		const found = await this.#services.sessions.get(this.#sessionId);
		if (found.ok) this.#sendSnapshot(found.value);
		else this.#viewer.refuse(found.error, this.#sessionId, 'snapshot.request');
	}

	/**
	 * Names the head to a client that should have everything up to it, so that it notices what it has not.
	 * To one that is behind it says nothing: what is on its way would be asked for, and sent, twice.
	 */
	heartbeat(): void {
		if (this.#cursor === null || this.#pulling) return;
		const head = this.#services.log.head(this.#sessionId);
		// Its wake-up got lost: events say more than their number.
		if (this.#cursor < head) return void this.#pull();
		this.#viewer.send('event', this.#sessionId, head, { type: 'heartbeat', head });
	}

	end(): void {
		this.#ended = true;
		this.#stopListening();
		if (this.#stall) clearTimeout(this.#stall);
	}

	#sendSnapshot(
		session: Session,
		events: SessionEvent[] = [],
		carry: TranscriptCarry | null = null
	): void {
		const { head } = session;
		// What is being said belongs to the newest head: for an older one it comes when that is reached.
		const isNewest = this.#services.log.head(this.#sessionId) === head;
		const partials = isNewest ? this.#services.partials(this.#sessionId) : [];
		if (!isNewest) this.#snapshotDue = true;
		const payload = { type: 'session', session, events, carry, head, partials };
		this.#viewer.send('snapshot', this.#sessionId, head, payload);
	}

	#hear(signal: SessionSignal): void {
		if (this.#cursor === null) return;
		const isFull = this.#viewer.bufferedBytes > BUFFER_MAX_BYTES;
		switch (signal.type) {
			case 'head':
				return void this.#pull();
			case 'partials':
				return void this.snapshot();
			case 'session':
				if (isFull) this.#snapshotDue = true;
				else this.#viewer.send('event', this.#sessionId, signal.session.head, signal);
				return;
			case 'delta':
				// A viewer that is behind gets the stored message anyway; the piece would overtake it.
				if (isFull || this.#snapshotDue || this.#cursor < signal.head) this.#snapshotDue = true;
				else this.#sendDelta(signal.json, signal.head);
		}
	}

	#sendDelta(json: string, head: number): void {
		this.#viewer.sendJson('event', this.#sessionId, head, `{"type":"delta","delta":${json}}`);
	}

	/** Never rejects: a log that can't be read ends the connection, and the viewer comes back. */
	async #pull(): Promise<void> {
		this.#again = true;
		if (this.#pulling) return;
		this.#pulling = true;
		try {
			while (this.#again && !this.#ended && this.#cursor !== null) {
				this.#again = false;
				await this.#pullPage(this.#cursor);
			}
		} catch (cause) {
			this.#services.logger.warn({ err: cause, sessionId: this.#sessionId }, 'a pull failed');
			this.#viewer.close(BROWSER_CLOSE.goingAway, 'the log could not be read');
		} finally {
			this.#pulling = false;
		}
	}

	async #pullPage(cursor: number): Promise<void> {
		await this.#untilRoom();
		if (this.#ended) return;
		const page = await this.#services.log.readAfter(this.#sessionId, cursor, PAGE);
		for (const { seq, json } of page) {
			await this.#untilRoom();
			if (this.#ended) return;
			const payload = `{"type":"event","event":${json}}`;
			this.#viewer.sendJson('event', this.#sessionId, seq, payload);
			this.#cursor = seq;
		}
		if (page.length > 0) this.#again = true;
		else if (this.#snapshotDue) await this.#snapshotAtHead();
	}

	async #snapshotAtHead(): Promise<void> {
		const found = await this.#services.sessions.get(this.#sessionId);
		if (this.#ended || !found.ok) return;
		// More has come in the meantime: that first. Without more, another look would find the same, for ever.
		if (this.#cursor !== null && this.#cursor < found.value.head) this.#again = true;
		else {
			this.#snapshotDue = false;
			this.#sendSnapshot(found.value);
		}
	}

	/** Returns at once while the viewer keeps up; ends a viewer that takes nothing any more. */
	async #untilRoom(): Promise<void> {
		while (!this.#ended && this.#viewer.bufferedBytes > BUFFER_MAX_BYTES) {
			await this.#waitForDrain();
		}
	}

	/** A ping's way out of this process, behind all that was sent, is the signal; nothing more is queued until then. */
	#waitForDrain(): Promise<void> {
		return new Promise((resolve) => {
			this.#stall = setTimeout(() => {
				this.#viewer.close(BROWSER_CLOSE.tooSlow, 'the viewer does not keep up');
				this.end();
				resolve();
			}, STALL_MS);
			this.#viewer.whenWritten(() => {
				if (this.#stall) clearTimeout(this.#stall);
				resolve();
			});
		});
	}
}

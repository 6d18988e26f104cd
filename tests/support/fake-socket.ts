/** A WebSocket that a test opens, feeds and closes by hand; it remembers what was sent. */
import { ENVELOPE_VERSION } from '@agent-manager/protocol/protocol-version.ts';

export interface SentFrame {
	kind: string;
	sessionId: string | null;
	payload: Record<string, unknown> & { type: string };
}

export class FakeSocket {
	readonly sent: SentFrame[] = [];
	readyState: number = WebSocket.CONNECTING;
	onopen: (() => void) | null = null;
	onmessage: ((message: { data: string }) => void) | null = null;
	onclose: ((event: { code: number }) => void) | null = null;
	#seq = 0;

	/** What the connection takes for the browser's own. */
	asWebSocket(): WebSocket {
		return this as unknown as WebSocket;
	}

	send(text: string): void {
		this.sent.push(JSON.parse(text) as SentFrame);
	}

	/** The page's side closes. */
	close(): void {
		this.readyState = WebSocket.CLOSED;
	}

	open(): void {
		this.readyState = WebSocket.OPEN;
		this.onopen?.();
	}

	/** The network's side closes. */
	fail(code = 1006): void {
		this.readyState = WebSocket.CLOSED;
		this.onclose?.({ code });
	}

	receive(kind: string, sessionId: string | null, payload: object, seq?: number): void {
		this.#seq += 1;
		const ts = '2026-11-23T08:30:00.000Z';
		const frame = { v: ENVELOPE_VERSION, kind, sessionId, ts, seq: seq ?? this.#seq, payload };
		this.onmessage?.({ data: JSON.stringify(frame) });
	}

	receiveText(text: string): void {
		this.onmessage?.({ data: text });
	}

	/** Payloads of a type that were sent, oldest first. */
	sentOf(type: string): SentFrame['payload'][] {
		return this.sent.map((frame) => frame.payload).filter((payload) => payload.type === type);
	}
}

/** Makes the sockets of a connection, newest last. */
export class FakeSockets {
	readonly all: FakeSocket[] = [];

	readonly create = (): WebSocket => {
		const socket = new FakeSocket();
		this.all.push(socket);
		return socket.asWebSocket();
	};

	get last(): FakeSocket {
		const socket = this.all.at(-1);
		if (!socket) throw new Error('no socket was made yet');
		return socket;
	}
}

/** `/mcp` behind a door: answered only to a live orchestrator of the epoch that its token is of. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { hasRights } from '#lib/domain/orchestrator-policy.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionLog } from '#lib/server/sessions/session-log.ts';
import { MCP_BODY_MAX_BYTES, type McpEndpoint } from './mcp-endpoint.ts';
import type { Caller, ToolContext } from './tool.ts';

interface Claim {
	sessionId: SessionId;
	epoch: number;
}

export interface McpDoorOptions {
	log: Pick<SessionLog, 'find' | 'show'>;
	endpoint: McpEndpoint;
	contextFor: (caller: Caller) => ToolContext;
}

/** Who calls, or why it is nobody. */
export const callerOf = async (
	log: McpDoorOptions['log'],
	{ sessionId, epoch }: Claim
): Promise<Result<Caller, WireError>> => {
	const cell = await log.find(sessionId);
	const session = cell && log.show(cell);
	if (!session || !hasRights(session, cell.state, { epoch })) {
		return fail(wireError('not_permitted', 'These tools are a live orchestrator’s.'));
	}
	return ok({ kind: 'orchestrator', session });
};

const readBody = async (req: IncomingMessage): Promise<Buffer | null> => {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of req as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > MCP_BODY_MAX_BYTES) return null;
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
};

const send = async (res: ServerResponse, response: Response): Promise<void> => {
	const body = Buffer.from(await response.arrayBuffer());
	res.writeHead(response.status, {
		...Object.fromEntries(response.headers),
		'content-length': body.length
	});
	res.end(body);
};

const refuse = (status: number, error: WireError): Response => Response.json({ error }, { status });

export const createMcpDoor = ({ log, endpoint, contextFor }: McpDoorOptions) => {
	const answer = async (req: IncomingMessage, claim: Claim): Promise<Response> => {
		const body = await readBody(req);
		if (body === null) {
			return refuse(413, wireError('payload_too_large', 'That is too much at once.'));
		}
		// Asked when the body is here: who may wait with it would else call with the rights of before.
		const caller = await callerOf(log, claim);
		if (!caller.ok) return refuse(403, caller.error);
		const headers = new Headers();
		for (const name of ['content-type', 'accept', 'mcp-protocol-version'] as const) {
			const value = req.headers[name];
			if (typeof value === 'string') headers.set(name, value);
		}
		const { method = 'GET' } = req;
		const request = new Request('http://door/mcp', {
			method,
			headers,
			...(method === 'POST' && { body: new Uint8Array(body) })
		});
		return endpoint(request, contextFor(caller.value));
	};
	return async (req: IncomingMessage, res: ServerResponse, claim: Claim): Promise<void> => {
		await send(res, await answer(req, claim));
	};
};

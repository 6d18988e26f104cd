/**
 * The tools over MCP (streamable HTTP, stateless): each request is answered by a server of its own, so
 * nothing is lost with a restart and a client that was away just asks again.
 */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { Result } from '#lib/domain/result.ts';
import type { Logger } from '#lib/server/logger.ts';
import type { Tool, ToolContext } from './tool.ts';
import { answerRequest } from './tools/answer-request.ts';
import { listRepos } from './tools/list-repos.ts';
import { listSessions } from './tools/list-sessions.ts';
import { readChanges } from './tools/read-changes.ts';
import { readSession } from './tools/read-session.ts';
import { report } from './tools/report.ts';
import { startSession } from './tools/start-session.ts';
import { interruptSession, sendMessage, stopSession } from './tools/steer-session.ts';
import { waitFor } from './tools/wait-for.ts';

const TOOLS: readonly Tool[] = [
	listRepos,
	listSessions,
	startSession,
	readSession,
	readChanges,
	sendMessage,
	interruptSession,
	stopSession,
	waitFor,
	answerRequest,
	report
];

/** As a prompt may be, escaped, with room around it. */
export const MCP_BODY_MAX_BYTES = 4 * 1_048_576;
const MAX_INPUT_ELEMENTS = 10_000;

export interface McpEndpointOptions {
	version: string;
	logger: Logger;
	/** An error that nobody expected, in words. */
	explain: (cause: unknown) => WireError;
}

const asContent = (result: Result<JsonObject, WireError>): CallToolResult => ({
	content: [{ type: 'text', text: JSON.stringify(result.ok ? result.value : result.error) }],
	isError: !result.ok
});

export type McpEndpoint = (request: Request, context: ToolContext) => Promise<Response>;

/** Takes a moment to load, which no start of the app waits for. */
const loadSdk = async () => {
	const [{ McpServer }, { WebStandardStreamableHTTPServerTransport: Transport }] =
		await Promise.all([
			import('@modelcontextprotocol/sdk/server/mcp.js'),
			import('@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js')
		]);
	return { McpServer, Transport };
};

export const createMcpEndpoint =
	({ version, logger, explain }: McpEndpointOptions): McpEndpoint =>
	async (request, context) => {
		if (request.method !== 'POST') {
			// There is nothing that the server would say unasked, and no session to end.
			return new Response(null, { status: 405, headers: { allow: 'POST' } });
		}
		const { McpServer, Transport } = await loadSdk();
		const server = new McpServer(
			{ name: 'agent-manager', version },
			{ maxToolInputElements: MAX_INPUT_ELEMENTS }
		);
		const offered = TOOLS.filter(
			({ onlyFor }) => onlyFor === undefined || onlyFor === context.caller.kind
		);
		for (const { name, description, input, readOnly, run } of offered) {
			const annotations = { readOnlyHint: readOnly, openWorldHint: false };
			server.registerTool(name, { description, inputSchema: input, annotations }, async (asked) => {
				try {
					return asContent(await run(context, asked));
				} catch (cause) {
					logger.error({ err: cause, tool: name }, 'a tool failed');
					return asContent({ ok: false, error: explain(cause) });
				}
			});
		}
		const transport = new Transport({
			enableJsonResponse: true,
			maxRequestBodySize: MCP_BODY_MAX_BYTES
		});
		await server.connect(transport);
		try {
			return await transport.handleRequest(request);
		} finally {
			await server.close();
		}
	};

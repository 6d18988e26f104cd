import type { RequestHandler } from './$types';

/** The tools of orchestrators, for MCP clients of the person's: streamable HTTP without sessions. */
const answer: RequestHandler = ({ locals, request }) => locals.app.mcp(request);

export const POST = answer;
export const GET = answer;
export const DELETE = answer;

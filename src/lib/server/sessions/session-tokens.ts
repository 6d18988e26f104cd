/**
 * Tokens that open a session's door. Derived, so that none is stored: whoever has the instance's
 * secret, a file of mode 0600 under the workspace root, can tell the token of any epoch.
 */
import { createHmac } from 'node:crypto';
import type { SessionId } from '@agent-manager/protocol/ids.ts';

export const sessionToken = (secret: string, sessionId: SessionId, epoch: number): string =>
	createHmac('sha256', secret).update(`${sessionId}:${epoch}`).digest('base64url');

/** What `GET /api/about` says of the app that serves this page. */
import type { DriverKind } from '@agent-manager/protocol/session.ts';

export interface About {
	version: string;
	model: { kind: 'demo' | 'anthropic' | 'custom'; label: string };
	drivers: { kind: DriverKind; available: boolean; outdated: boolean; problem: string | null }[];
	/** The Docker image on its way; null when it is there or not needed. */
	imageBuild: { state: 'building' | 'failed'; replaces: boolean; lastLine: string } | null;
	workspaceRoot: string;
}

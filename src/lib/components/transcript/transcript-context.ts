/** What every card of a transcript may ask for, without each row passing it on. */
import { createContext } from 'svelte';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { Block } from '#lib/domain/transcript-blocks.ts';
import type { TranscriptController } from '#lib/state/transcript-controller.svelte.ts';

export interface TranscriptContext {
	readonly controller: TranscriptController;
	readonly session: Session | null;
	/** Opens what can be done with a block, at the button that asks for it. */
	openMenu(block: Block, anchor: HTMLElement): void;
	/** Another session, as far as it is in hand. */
	sessionOf(id: string): Session | undefined;
}

export const [useTranscript, provideTranscript] = createContext<TranscriptContext>();

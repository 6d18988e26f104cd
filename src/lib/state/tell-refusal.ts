import { toast } from 'svelte-sonner';
import type { CommandOutcome } from './connection.svelte.ts';

/** Says when a change was refused, or when nobody knows; what was done shows by itself. */
export const tellRefusal = (outcome: CommandOutcome): void => {
	if (outcome.kind === 'error') {
		toast.error(outcome.error.message, { description: outcome.error.hint });
	} else if (outcome.kind === 'unknown') {
		toast.error('Nobody knows whether the change has reached the app.', {
			description: 'The page shows what happened as soon as it is connected again.'
		});
	}
};

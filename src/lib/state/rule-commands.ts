/** What a person does with rules: each change can be taken back at once. */
import { toast } from 'svelte-sonner';
import type { Decide } from '@agent-manager/protocol/requests.ts';
import type { Repo } from '@agent-manager/protocol/repo.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { callApi, type ApiResult } from './api-client.ts';
import type { Connection } from './connection.svelte.ts';
import { tellRefusal } from './tell-refusal.ts';

type Commands = Pick<Connection, 'command'>;

const repoRules = (repoId: string): string => `/api/repos/${repoId}/rules`;

/** `replaces`: the rule in whose place it comes. */
export const addRepoRule = (
	repoId: string,
	rule: string,
	replaces?: string
): ApiResult<{ repo: Repo }> =>
	callApi(repoRules(repoId), { method: 'POST', body: { rule, ...(replaces && { replaces }) } });

const takeRepoRuleBack = (repoId: string, rule: string): ApiResult<{ repo: Repo }> =>
	callApi(`${repoRules(repoId)}?${new URLSearchParams({ rule })}`, { method: 'DELETE' });

const orTell = async (call: ApiResult<unknown>): Promise<boolean> => {
	const answer = await call;
	if (!answer.ok) toast.error(answer.error.message, { description: answer.error.hint });
	return answer.ok;
};

export const removeRepoRule = async (repoId: string, rule: string): Promise<void> => {
	if (!(await orTell(takeRepoRuleBack(repoId, rule)))) return;
	toast('Asked for again in this repo', {
		description: rule,
		action: { label: 'Undo', onClick: () => void orTell(addRepoRule(repoId, rule)) }
	});
};

const changeSessionRules = async (
	connection: Commands,
	sessionId: string,
	change: { add: string[]; remove: string[] }
): Promise<boolean> => {
	const outcome = await connection.command({ type: 'session.rules', sessionId, ...change });
	tellRefusal(outcome);
	return outcome.kind === 'ack';
};

export const removeSessionRule = async (
	connection: Commands,
	sessionId: string,
	rule: string
): Promise<void> => {
	const removed = { add: [], remove: [rule] };
	if (!(await changeSessionRules(connection, sessionId, removed))) return;
	toast('Asked for again in this session', {
		description: rule,
		action: {
			label: 'Undo',
			onClick: () => void changeSessionRules(connection, sessionId, { add: [rule], remove: [] })
		}
	});
};

/** An answer has made rules: they are named, and may be taken back. */
export const tellRules = (
	connection: Commands,
	{ id, repoId }: Pick<Session, 'id' | 'repoId'>,
	{ scope, rules }: NonNullable<Decide['remember']>
): void => {
	const undo = async (): Promise<void> => {
		if (scope === 'session') {
			await changeSessionRules(connection, id, { add: [], remove: rules });
			return;
		}
		for (const rule of rules) await orTell(takeRepoRuleBack(repoId, rule));
	};
	toast(scope === 'session' ? 'Allowed in this session' : 'Allowed in every session of this repo', {
		description: rules.join('\n'),
		action: { label: 'Undo', onClick: () => void undo() }
	});
};

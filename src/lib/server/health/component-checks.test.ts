import { expect, it } from 'vitest';
import { wireError } from '#lib/domain/errors.ts';
import { componentChecks, type ComponentParts } from './component-checks.ts';

const looked = async (name: string, parts: Partial<ComponentParts>) => {
	const check = componentChecks(parts as ComponentParts, []).find((it) => it.name === name);
	return check?.look();
};

it('says of mirrors what lacks in them, a repo that fails first', async () => {
	const pulse = () => ({ notMirrored: ['“Try”: No sandbox.', '“Do”: No sandbox.'] }) as never;
	const lacks = await looked('mirrors', { pulse, listRepos: () => Promise.resolve([]) });
	expect(lacks).toMatchObject({
		state: 'warn',
		found: 'the commits of 2 sessions are missing in the mirror: “Try”: No sandbox.'
	});
	const failing = { owner: 'me', name: 'app', error: wireError('repo_unreachable', 'Away.') };
	const listRepos = () => Promise.resolve([failing as never]);
	expect((await looked('mirrors', { pulse, listRepos }))?.found).toBe('1 of 1: me/app: Away.');
});

it('says of a workspace that is gone that it is, and not how much is free elsewhere', async () => {
	const workspaceProblem = () => Promise.resolve(wireError('workspace_gone', 'It is gone.'));
	const disk = await looked('disk', { workspaceRoot: '/', workspaceProblem });
	expect(disk).toMatchObject({ state: 'fail', found: 'It is gone.' });
	expect(disk?.advice).toContain('Put the folder back');
});

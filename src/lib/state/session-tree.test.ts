import { expect, it } from 'vitest';
import type { Session } from '@agent-manager/protocol/session.ts';
import { sampleSession } from '../../../tests/support/sample-session.ts';
import { sessionTree } from './session-tree.ts';

const session = (id: string, startedBy: string | null = null): Session =>
	sampleSession({ id: id as Session['id'], startedBy: startedBy as Session['id'] | null });

it('puts sessions under the one that started them, and those of one that is gone where they are', () => {
	const tree = sessionTree([session('a', 'o'), session('b'), session('c', 'gone'), session('o')]);
	expect(tree.map(({ branch }) => branch.map(({ id }) => id))).toEqual([['b'], ['c'], ['o', 'a']]);
});

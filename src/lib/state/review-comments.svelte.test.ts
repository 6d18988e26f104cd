import { beforeEach, expect, it } from 'vitest';
import { ReviewComments } from './review-comments.svelte.ts';

beforeEach(() => localStorage.clear());

it('keeps comments, and what was begun of one, over a reload', () => {
	const review = new ReviewComments('one');
	review.add('a.ts', null, [], 'First');
	review.begun = 'Second, unf';
	const again = new ReviewComments('one');
	expect(again.comments.map(({ text }) => text)).toEqual(['First']);
	expect(again.begun).toBe('Second, unf');
	expect(new ReviewComments('other').begun).toBe('');
	again.add('a.ts', null, [], 'Second, whole');
	expect(new ReviewComments('one').begun).toBe('');
});

it('takes a store that was written by others for an empty one', () => {
	localStorage.setItem('review:one', '{"not":"a list"}');
	expect(new ReviewComments('one').comments).toEqual([]);
});

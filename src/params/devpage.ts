/** Pages for who works on the app: in the built one they do not exist. */
import { dev } from '$app/environment';
import type { ParamMatcher } from '@sveltejs/kit';

export const match = ((param): param is 'gallery' =>
	dev && param === 'gallery') satisfies ParamMatcher;

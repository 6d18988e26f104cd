/** Which repos are on the GitHub that the API's address belongs to, and where their pages are. */
import type { RepoRow } from '#lib/server/db/repos.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';

export interface GithubPlace {
	owner: string;
	name: string;
	webUrl: string;
}

/** `https://api.github.com` → `https://github.com`; of an Enterprise server, its own origin. */
export const webOriginOf = (apiUrl: string): string => {
	const { hostname, origin } = new URL(apiUrl);
	if (hostname === 'api.github.com') return 'https://github.com';
	// Data residency has the API under a name of its own: api.NAME.ghe.com.
	return hostname.startsWith('api.') && hostname.endsWith('.ghe.com')
		? origin.replace('//api.', '//')
		: origin;
};

/** Fails with one quiet line that says why there are no GitHub parts. */
export const githubPlace = (
	{ kind, owner, name, url }: Pick<RepoRow, 'kind' | 'owner' | 'name' | 'url'>,
	apiUrl: string
): Result<GithubPlace, WireError> => {
	const origin = webOriginOf(apiUrl);
	const none = (why: string) => fail(wireError('not_supported', why));
	if (kind === 'local') return none('A local repo has no pull requests.');
	if (kind === 'github') {
		return origin === 'https://github.com'
			? ok({ owner, name, webUrl: `${origin}/${owner}/${name}` })
			: none(`GITHUB_API_URL is another server’s: no pull requests of github.com.`);
	}
	const { host } = new URL(origin);
	const [server, account, ...more] = owner.split('/');
	if (server !== host || !account || more.length > 0 || url === '') {
		return none('This git server has no pull requests that the app knows of.');
	}
	return ok({ owner: account, name, webUrl: `${origin}/${account}/${name}` });
};

/** From a registered repo to what git needs to reach its upstream. */
import { homedir } from 'node:os';
import type { RepoRow } from '#lib/server/db/repos.ts';
import type { Remote, RemoteAuth } from '#lib/server/git/remote.ts';
import type { HostPolicy } from '#lib/server/git/host-policy.ts';
import { parseRepoAddress } from '#lib/server/git/repo-address.ts';
import type { GithubCredentials } from '#lib/server/github/credentials.ts';

const githubAuth = async (
	credentials: GithubCredentials,
	urlPrefix: string
): Promise<RemoteAuth | null> => {
	const credential = await credentials.find();
	if (!credential) return null;
	const basic = Buffer.from(`x-access-token:${credential.token}`).toString('base64');
	return { urlPrefix, header: `Authorization: Basic ${basic}` };
};

/** Makes the remote of a row anew each time: a login may have come or gone. */
export const createRemoteFinder =
	(policy: HostPolicy, credentials: GithubCredentials, webOrigin: string) =>
	async (row: Pick<RepoRow, 'url' | 'kind'>): Promise<Remote> => {
		// was checked when it was registered; whether its host is still allowed, git's side checks
		const parsed = parseRepoAddress(row.url, {
			allowGitHosts: policy.allowGitHosts,
			home: homedir(),
			plainHttp: true
		});
		if (!parsed.ok) throw new Error(`the stored address of a repo can't be read: ${row.kind}`);
		const address = parsed.value;
		const prefix = `${webOrigin}/`;
		const isThere = prefix.startsWith('https:') && address.url.startsWith(prefix);
		const auth = isThere ? await githubAuth(credentials, prefix) : null;
		return { address, auth, policy };
	};

/** Reading and showing `DATABASE_URL`. */

/** A PostgreSQL URL as `pg` takes it, or null. The host may be a unix socket folder: `?host=/folder`. */
export function parseDatabaseUrl(text: string): URL | null {
	try {
		// `postgresql://user@/db?host=/folder` has no host, which URL does not take with a user name.
		const url = new URL(text.replace('@/', '@localhost/'));
		if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') return null;
		return url.pathname.length > 1 ? url : null;
	} catch {
		return null;
	}
}

/**
 * The URL with its password, also one in the query, replaced by `***`. For screens and logs. Takes
 * what is no valid URL, too: everything up to the last `@` goes, since a password may hold any sign.
 */
export function redactUrl(text: string): string {
	return text
		.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#:@]*):.*@/i, '$1:***@')
		.replace(/([?&](?:password|sslpassword)=)[^&#]*/gi, '$1***');
}

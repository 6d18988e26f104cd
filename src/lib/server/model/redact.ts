/** Keeps credentials out of what is logged, stored, or handed to a sandbox. */

const PATTERNS = [
	/\bsk-ant-[A-Za-z0-9_-]{6,}/g,
	/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi,
	/(:\/\/)[^/\s:@]+:[^/\s@]+@/g
];

/** `secrets`: exact values that must not stay, in any of the forms a server may echo them. */
export function redact(text: string, secrets: readonly string[] = []): string {
	let clean = text;
	for (const secret of secrets) {
		if (secret.length < 4) continue;
		const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
		for (const form of forms) clean = clean.replaceAll(form, '[redacted]');
	}
	for (const pattern of PATTERNS) {
		clean = clean.replace(pattern, (match: string) =>
			match.startsWith('://') ? '://[redacted]@' : '[redacted]'
		);
	}
	return clean;
}

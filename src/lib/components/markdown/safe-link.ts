/** Which addresses may become links: what leads to a page or a mail, written out in full. */
const allowed = new Set(['http:', 'https:', 'mailto:']);

/** The address in its normal form, or null when it is not one that may be followed. */
export const safeHref = (href: string): string | null => {
	try {
		const url = new URL(href.trim());
		return allowed.has(url.protocol) ? url.href : null;
	} catch {
		return null;
	}
};

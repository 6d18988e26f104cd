/** The tab's icon, with how many sessions need a person. */

const MARK = `<rect width="32" height="32" rx="8" fill="#5654d4"/>
<circle cx="10" cy="9.5" r="3" fill="#fff"/><circle cx="10" cy="22.5" r="3" fill="#fff" opacity=".75"/>
<circle cx="22" cy="9.5" r="3" fill="#fff"/>
<path d="M10 12.5v7M22 12.5c0 5-5 4.5-9 7.5" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/>`;

const badge = (count: number): string => {
	const text = count > 9 ? '9+' : String(count);
	return `<circle cx="21" cy="21" r="11" fill="#c2410c" stroke="#fff" stroke-width="2"/>
<text x="21" y="26.5" text-anchor="middle" font-family="sans-serif" font-weight="700" font-size="${text.length > 1 ? 12 : 15}" fill="#fff">${text}</text>`;
};

/** An address for the link of the icon; the plain file while nobody is needed. */
export const faviconFor = (count: number): string =>
	count === 0
		? '/favicon.svg'
		: `data:image/svg+xml,${encodeURIComponent(
				`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${MARK}${badge(count)}</svg>`
			)}`;

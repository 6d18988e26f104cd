/** Markdown allows character references; there is no HTML here that would read them. */
const named: Record<string, string> = {
	amp: '&',
	lt: '<',
	gt: '>',
	quot: '"',
	apos: "'",
	nbsp: '\u00a0',
	copy: '©',
	reg: '®',
	trade: '™',
	hellip: '…',
	mdash: '—',
	ndash: '–',
	lsquo: '‘',
	rsquo: '’',
	ldquo: '“',
	rdquo: '”',
	bull: '•',
	middot: '·',
	times: '×',
	rarr: '→',
	larr: '←',
	harr: '↔',
	check: '✓',
	deg: '°',
	para: '¶',
	sect: '§',
	euro: '€',
	pound: '£'
};

const fromCodePoint = (code: number): string | null => {
	const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
	const turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
	const invalid = code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
	return control || turns || invalid ? null : String.fromCodePoint(code);
};

/** `&amp;` → `&`, `&#8594;` → `→`; what is not known stays as it is. */
export const decodeEntities = (text: string): string =>
	text.includes('&')
		? text.replace(
				/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));/gi,
				(whole, hex, decimal, name) => {
					if (hex !== undefined) return fromCodePoint(parseInt(String(hex), 16)) ?? whole;
					if (decimal !== undefined) return fromCodePoint(Number(decimal)) ?? whole;
					const key = String(name);
					return Object.hasOwn(named, key) ? (named[key] ?? whole) : whole;
				}
			)
		: text;

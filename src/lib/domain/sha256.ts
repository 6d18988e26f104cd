/**
 * SHA-256 (FIPS 180-4) in plain TypeScript: the browser's own is asynchronous and missing on pages
 * that are not a secure context, Node's is not there in a browser.
 */

const primes = (count: number): number[] => {
	const found: number[] = [];
	for (let n = 2; found.length < count; n++) {
		if (found.every((prime) => n % prime !== 0)) found.push(n);
	}
	return found;
};

const fraction = (value: number): number => ((value - Math.floor(value)) * 2 ** 32) | 0;
const first64 = primes(64);
const roundConstants = Int32Array.from(first64, (prime) => fraction(Math.cbrt(prime)));
const initial = Int32Array.from(first64.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

const padded = (bytes: Uint8Array): DataView => {
	const length = Math.ceil((bytes.length + 9) / 64) * 64;
	const block = new Uint8Array(length);
	block.set(bytes);
	block[bytes.length] = 0x80;
	const view = new DataView(block.buffer);
	view.setUint32(length - 8, Math.floor((bytes.length * 8) / 2 ** 32));
	view.setUint32(length - 4, (bytes.length * 8) >>> 0);
	return view;
};

const at = (words: Int32Array, index: number): number => words[index] as number;

const schedule = (view: DataView, offset: number, words: Int32Array): void => {
	for (let i = 0; i < 16; i++) words[i] = view.getInt32(offset + i * 4);
	for (let i = 16; i < 64; i++) {
		const w15 = at(words, i - 15);
		const w2 = at(words, i - 2);
		const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
		const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
		words[i] = (at(words, i - 16) + s0 + at(words, i - 7) + s1) | 0;
	}
};

const compress = (hash: Int32Array, words: Int32Array): void => {
	const v = Int32Array.from(hash);
	for (let i = 0; i < 64; i++) {
		const [a, b, c, d, e, f, g, h] = v as unknown as [
			number,
			number,
			number,
			number,
			number,
			number,
			number,
			number
		];
		const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
		const t1 = (h + s1 + ((e & f) ^ (~e & g)) + at(roundConstants, i) + at(words, i)) | 0;
		const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
		const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
		v.set([(t1 + t2) | 0, a, b, c, (d + t1) | 0, e, f, g]);
	}
	for (let i = 0; i < 8; i++) hash[i] = at(hash, i) + at(v, i);
};

/** The hash of the text's UTF-8 bytes as 64 hexadecimal digits. */
export const sha256Hex = (text: string): string => {
	const view = padded(new TextEncoder().encode(text));
	const hash = Int32Array.from(initial);
	const words = new Int32Array(64);
	for (let offset = 0; offset < view.byteLength; offset += 64) {
		schedule(view, offset, words);
		compress(hash, words);
	}
	return [...hash].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
};

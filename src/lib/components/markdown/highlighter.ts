/**
 * Colours for code: shiki's core with its JavaScript engine, loaded when the first code is shown, each
 * language when it is first met. The theme gives names of classes, not colours, so that light and dark
 * and a strict content policy need nothing more.
 */
import type { HighlighterCore, LanguageInput } from 'shiki/core';

export interface CodeToken {
	text: string;
	/** Such as `token-keyword`, or null. */
	style: string | null;
}

const languages: Record<string, () => LanguageInput> = {
	bash: () => import('shiki/langs/bash.mjs'),
	c: () => import('shiki/langs/c.mjs'),
	cpp: () => import('shiki/langs/cpp.mjs'),
	csharp: () => import('shiki/langs/csharp.mjs'),
	css: () => import('shiki/langs/css.mjs'),
	diff: () => import('shiki/langs/diff.mjs'),
	docker: () => import('shiki/langs/docker.mjs'),
	go: () => import('shiki/langs/go.mjs'),
	graphql: () => import('shiki/langs/graphql.mjs'),
	html: () => import('shiki/langs/html.mjs'),
	ini: () => import('shiki/langs/ini.mjs'),
	java: () => import('shiki/langs/java.mjs'),
	javascript: () => import('shiki/langs/javascript.mjs'),
	json: () => import('shiki/langs/json.mjs'),
	jsx: () => import('shiki/langs/jsx.mjs'),
	kotlin: () => import('shiki/langs/kotlin.mjs'),
	lua: () => import('shiki/langs/lua.mjs'),
	make: () => import('shiki/langs/make.mjs'),
	markdown: () => import('shiki/langs/markdown.mjs'),
	nix: () => import('shiki/langs/nix.mjs'),
	php: () => import('shiki/langs/php.mjs'),
	python: () => import('shiki/langs/python.mjs'),
	ruby: () => import('shiki/langs/ruby.mjs'),
	rust: () => import('shiki/langs/rust.mjs'),
	scss: () => import('shiki/langs/scss.mjs'),
	sql: () => import('shiki/langs/sql.mjs'),
	svelte: () => import('shiki/langs/svelte.mjs'),
	swift: () => import('shiki/langs/swift.mjs'),
	toml: () => import('shiki/langs/toml.mjs'),
	tsx: () => import('shiki/langs/tsx.mjs'),
	typescript: () => import('shiki/langs/typescript.mjs'),
	vue: () => import('shiki/langs/vue.mjs'),
	xml: () => import('shiki/langs/xml.mjs'),
	yaml: () => import('shiki/langs/yaml.mjs'),
	zig: () => import('shiki/langs/zig.mjs')
};

const aliases: Record<string, string> = {
	'c++': 'cpp',
	cc: 'cpp',
	cjs: 'javascript',
	cs: 'csharp',
	cts: 'typescript',
	dockerfile: 'docker',
	gql: 'graphql',
	h: 'c',
	hpp: 'cpp',
	htm: 'html',
	js: 'javascript',
	jsonc: 'json',
	json5: 'json',
	kt: 'kotlin',
	makefile: 'make',
	md: 'markdown',
	mjs: 'javascript',
	mts: 'typescript',
	patch: 'diff',
	py: 'python',
	rb: 'ruby',
	rs: 'rust',
	sh: 'bash',
	shell: 'bash',
	svg: 'xml',
	ts: 'typescript',
	yml: 'yaml',
	zsh: 'bash'
};

/** More than this stays without colour: it would hold up the page. */
const MAX_LENGTH = 30_000;
const MAX_CACHED = 200;

/** The language by its name or a file's extension; null when it is not known. */
export const languageOf = (name: string): string | null => {
	const key = name.toLowerCase();
	const known = Object.hasOwn(aliases, key) ? aliases[key] : key;
	return known !== undefined && Object.hasOwn(languages, known) ? known : null;
};

let loading: Promise<HighlighterCore> | null = null;

const loadHighlighter = (): Promise<HighlighterCore> => {
	loading ??= Promise.all([import('shiki/core'), import('shiki/engine/javascript')]).then(
		([{ createHighlighterCore, createCssVariablesTheme }, { createJavaScriptRegexEngine }]) =>
			createHighlighterCore({
				engine: createJavaScriptRegexEngine({ forgiving: true }),
				themes: [createCssVariablesTheme({ name: 'classes', variablePrefix: '--' })],
				langs: []
			})
	);
	return loading;
};

const cache = new Map<string, CodeToken[]>();

const remember = (key: string, tokens: CodeToken[]): void => {
	cache.set(key, tokens);
	const oldest = cache.size > MAX_CACHED ? cache.keys().next().value : undefined;
	if (oldest !== undefined) cache.delete(oldest);
};

const cacheKey = (code: string, language: string): string => `${language}\n${code}`;

/** Tokens that were made before: a row that scrolls back into view has its colours at once. */
export const cachedTokens = (code: string, language: string): CodeToken[] | null =>
	cache.get(cacheKey(code, language)) ?? null;

const styleOf = (color: string | undefined): string | null =>
	/--(token-[a-z-]+)/.exec(color ?? '')?.[1] ?? null;

/** Null when the code stays without colours: too long, or the language can't be read. */
export const highlight = async (code: string, language: string): Promise<CodeToken[] | null> => {
	const load = languages[language];
	if (!load || code.length > MAX_LENGTH) return null;
	const known = cachedTokens(code, language);
	if (known) return known;
	try {
		const highlighter = await loadHighlighter();
		await highlighter.loadLanguage(load());
		const { tokens: lines } = highlighter.codeToTokens(code, {
			lang: language,
			theme: 'classes',
			tokenizeTimeLimit: 2_000,
			tokenizeMaxLineLength: 2_000
		});
		const tokens = lines.flatMap((line, index): CodeToken[] => [
			...(index > 0 ? [{ text: '\n', style: null }] : []),
			...line.map(({ content, color }) => ({ text: content, style: styleOf(color) }))
		]);
		remember(cacheKey(code, language), tokens);
		return tokens;
	} catch {
		// Colours are a nicety: a chunk that does not load or a grammar that fails costs only them.
		return null;
	}
};

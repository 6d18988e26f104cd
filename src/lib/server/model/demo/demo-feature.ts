/**
 * The feature of the demo that is one click from the home page: a small repository, what is asked of its
 * orchestrator, and the parts that it comes apart into.
 */

/** The repository as it is made. */
export const DEMO_FILES: Readonly<Record<string, string>> = {
	'README.md':
		'# Word count\n\nTells how long a text is.\n\n```sh\nnode src/main.js README.md\n```\n',
	'package.json': '{ "name": "word-count", "private": true, "type": "module" }\n',
	'src/main.js': [
		"import { readFileSync } from 'node:fs';",
		'',
		"const text = readFileSync(process.argv[2], 'utf8');",
		'console.log(`${text.length} characters`);',
		''
	].join('\n')
};

export const DEMO_GOAL =
	'Let the program count words, too: the function, the line that shows a count, and a page of documentation. ' +
	'Let me decide what is a matter of taste.';

export interface FeaturePart {
	/** What its session is told. */
	prompt: string;
	path: string;
	subject: string;
	question?: { text: string; options: { label: string; description: string }[] };
	/** Of the file; `choice`: the answer to the question. */
	content: (choice: string) => string;
}

export const FEATURE_PARTS: readonly FeaturePart[] = [
	{
		prompt:
			'Write src/count-words.js: a function countWords(text) that tells how many words a text has.',
		path: 'src/count-words.js',
		subject: 'Count words',
		content: () =>
			[
				'/** How many words a text has: what stands between white space. */',
				'export const countWords = (text) => text.split(/\\s+/).filter(Boolean).length;',
				''
			].join('\n')
	},
	{
		prompt:
			'Write src/show-count.js: a function showCount(count) that makes the line for a reader. Ask how it shall look.',
		path: 'src/show-count.js',
		subject: 'Show a count as a line',
		question: {
			text: 'How shall the line with a count look?',
			options: [
				{ label: '12 words', description: 'As one says it' },
				{ label: 'Words: 12', description: 'As in a table' }
			]
		},
		content: (choice) =>
			[
				'/** The line that a reader gets. */',
				`export const showCount = (count) => \`${choice.replace('12', '${count}')}\`;`,
				''
			].join('\n')
	},
	{
		prompt: 'Write docs/counting.md: what counts as a word, with an example.',
		path: 'docs/counting.md',
		subject: 'Say what counts as a word',
		content: () =>
			[
				'# What counts as a word',
				'',
				'Whatever stands between white space: “well-known” is one word, “well known” is two.',
				''
			].join('\n')
	}
];

export const featurePartOf = (prompt: string): FeaturePart | undefined =>
	FEATURE_PARTS.find((part) => part.prompt === prompt.trim());

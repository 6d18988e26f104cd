/** Reads and explains; changes nothing. */
import type { Explored } from './story-explore.ts';
import { reply, say } from './reply.ts';
import type { Scene, Script } from './script.ts';
import { explore, stopBecauseRefused } from './story-explore.ts';
import { closingNote } from './story-talk.ts';

const LANGUAGES: Record<string, string> = {
	ts: 'TypeScript',
	js: 'JavaScript',
	mjs: 'JavaScript',
	svelte: 'Svelte',
	py: 'Python',
	go: 'Go',
	rs: 'Rust',
	rb: 'Ruby',
	java: 'Java',
	c: 'C',
	cpp: 'C++',
	sh: 'Shell',
	md: 'Markdown',
	css: 'CSS',
	html: 'HTML',
	sql: 'SQL'
};

function counted(values: string[]): [string, number][] {
	const counts = new Map<string, number>();
	for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
	return [...counts].sort((a, b) => b[1] - a[1]);
}

/** What can be said of a repo from its file list and the file that was read. */
export function describeRepo({ files, read }: Explored): string {
	const folders = counted(
		files.map((file) => (file.includes('/') ? `${file.split('/')[0]!}/` : '.'))
	)
		.slice(0, 6)
		.map(([folder, count]) => `| \`${folder}\` | ${count} |`);
	const languages = counted(
		files.flatMap((file) => LANGUAGES[/\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase() ?? ''] ?? [])
	)
		.slice(0, 3)
		.map(([language]) => language);
	const heading = read?.lines.find((line) => /^#\s+\S/.test(line))?.replace(/^#\s+/, '');
	const sentence = read?.lines.find((line) => /^[A-Z][^#|<>]{30,}/.test(line));
	return [
		heading ? `**${heading}**${sentence ? `: ${sentence.trim()}` : ''}` : (sentence ?? ''),
		`It has ${files.length} tracked files${languages.length > 0 ? `, mostly ${languages.join(', ')}` : ''}.`,
		['| folder | files |', '| --- | ---: |', ...folders].join('\n'),
		read ? `I read \`${read.path}\` (${read.lines.length} lines).` : ''
	]
		.filter(Boolean)
		.join('\n\n');
}

export function* explainStory(scene: Scene): Script {
	const { prompt } = scene.turn;
	const explored = yield* explore(
		scene,
		'I only read for this; nothing will be changed.',
		(files) => files.find((file) => prompt.includes(file)) ?? null
	);
	if (explored.refused !== null) return stopBecauseRefused(explored.refused);
	if (explored.files.length === 0) {
		return reply([
			say(
				explored.isGitRepo
					? `The repository has no tracked files yet, so there is nothing to explain.${closingNote(scene)}`
					: `This folder is not a git repository, so I can't say much.${closingNote(scene)}`
			)
		]);
	}
	return reply([say(`## What this is\n\n${describeRepo(explored)}${closingNote(scene)}`)]);
}

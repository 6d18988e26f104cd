/** Whether rules answer what the agent asks, and which rules a person is offered to make of it. */
import type { PermissionMode } from '@agent-manager/protocol/session.ts';
import { destructiveWords } from './destructive-command.ts';
import { textAt } from './loose-json.ts';
import { worktreePath } from './path-pattern.ts';
import {
	fitsCommand,
	fitsTool,
	hasSubcommands,
	isFileTool,
	parseRule,
	pathOf,
	ruleText,
	type PermissionRule
} from './permission-rule.ts';
import { plainCommands, type PlainCommand } from './shell-words.ts';

/** What is asked, as far as rules look at it. */
export interface AskedCall {
	toolName: string;
	input: Record<string, unknown>;
	/** The agent's own word that nobody may answer it once for all. */
	noRule: boolean;
}

/** Where it is asked. */
export interface Place {
	worktree: string;
	permissionMode: PermissionMode;
}

/** Files that decide what programs do: git's and the agent's own. */
const GUARDED = new Set(['.git', '.claude', '.mcp.json']);

const fileRefusal = ({ toolName, input }: AskedCall, worktree: string): string | null => {
	const named = pathOf(toolName, input);
	const path = named === null ? null : worktreePath(named, worktree);
	if (path === null) return 'it is outside of the worktree';
	return path.split('/').some((segment) => GUARDED.has(segment.toLowerCase()))
		? 'it decides what programs do'
		: null;
};

/** Why this is a person's to allow each time, whatever rules there are; null when a rule may. */
export const ruleRefusal = (
	call: AskedCall,
	{ worktree, permissionMode }: Place
): string | null => {
	if (permissionMode === 'plan') return 'the session only plans';
	if (call.noRule) return 'the agent says that each one is to be looked at';
	if (isFileTool(call.toolName)) return fileRefusal(call, worktree);
	if (call.toolName !== 'Bash') return null;
	const command = textAt(call.input, 'command');
	if (command === null || call.input.dangerouslyDisableSandbox === true) {
		return 'it is no plain command';
	}
	const danger = destructiveWords(command);
	return danger === null ? null : `it ${danger}`;
};

interface Kept<R> {
	kept: R;
	rule: PermissionRule;
}

const forCommand = <R>(
	command: string,
	rules: readonly Kept<R>[],
	worktree: string
): R[] | null => {
	const whole = rules.find(({ rule }) => rule.kind === 'exact' && rule.command === command.trim());
	if (whole) return [whole.kept];
	const parts = plainCommands(command);
	if (!parts) return null;
	const found = parts.map((part) => rules.find(({ rule }) => fitsCommand(rule, part, worktree)));
	return found.every((one) => one !== undefined)
		? [...new Set(found.map(({ kept }) => kept))]
		: null;
};

/**
 * The rules that allow it together; null when it is a person's to answer. Of several commands in one line
 * each needs a rule. A rule that can't be read allows nothing.
 */
export const allowingRules = <R extends { rule: string }>(
	call: AskedCall,
	rules: readonly R[],
	place: Place
): R[] | null => {
	if (ruleRefusal(call, place) !== null) return null;
	const readable = rules.flatMap((kept): Kept<R>[] => {
		const parsed = parseRule(kept.rule);
		return parsed.ok ? [{ kept, rule: parsed.value }] : [];
	});
	const { toolName, input } = call;
	if (toolName === 'Bash') {
		return forCommand(textAt(input, 'command') ?? '', readable, place.worktree);
	}
	const found = readable.find(({ rule }) => fitsTool(rule, toolName, input, place.worktree));
	return found ? [found.kept] : null;
};

/** One way to say "always" to a call. */
export interface RuleChoice {
	label: string;
	rules: string[];
}

const PLAIN_SUBCOMMAND = /^[a-z][\w:.-]*$/i;

/** As much of it as says what it does: `npm run build`, `git status`, `ls`. */
const prefixOf = (command: PlainCommand): string[] => {
	const [name = '', second, third] = command.map(({ text }) => text);
	if (!hasSubcommands(name) || second === undefined) return [name];
	const runs = /^(run|exec|compose|pr|issue)$/.test(second);
	return runs && third !== undefined && PLAIN_SUBCOMMAND.test(third)
		? [name, second, third]
		: [name, second];
};

const commandChoices = (command: string): RuleChoice[] => {
	const exact = { label: 'Exactly this', rules: [`Bash(${command.trim()})`] };
	const parts = plainCommands(command);
	if (!parts) return [exact];
	const wide = parts.map((part) => ruleText({ kind: 'command', words: prefixOf(part) }));
	return [{ label: 'With any arguments', rules: [...new Set(wide)] }, exact];
};

const fileChoices = ({ toolName, input }: AskedCall, worktree: string): RuleChoice[] => {
	const path = worktreePath(pathOf(toolName, input) ?? '', worktree) ?? '';
	const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
	const tool = /^(Read|Grep|Glob|LS|NotebookRead)$/.test(toolName) ? 'Read' : 'Edit';
	return [
		...(folder === '' ? [] : [{ label: 'Its folder', rules: [`${tool}(${folder}/**)`] }]),
		{ label: 'This file', rules: [`${tool}(${path})`] },
		{ label: 'Any file', rules: [tool] }
	];
};

const choicesOf = (call: AskedCall, worktree: string): RuleChoice[] => {
	const { toolName, input } = call;
	if (toolName === 'Bash') return commandChoices(textAt(input, 'command') ?? '');
	if (isFileTool(toolName)) return fileChoices(call, worktree);
	const url = textAt(input, 'url') ?? '';
	if (toolName === 'WebFetch' && URL.canParse(url)) {
		const { hostname } = new URL(url);
		return [{ label: 'This site', rules: [`WebFetch(domain:${hostname})`] }];
	}
	return [{ label: 'This tool', rules: [toolName] }];
};

/**
 * What a person may choose from, the best first: only what can be read and would have answered this call.
 * `suggested` are rules that the agent proposes itself.
 */
export const ruleChoices = (
	call: AskedCall,
	suggested: readonly string[],
	place: Place
): RuleChoice[] => {
	const own = choicesOf(call, place.worktree);
	const known = new Set(own.map(({ rules }) => rules.join('\n')));
	const read = suggested.flatMap((text) => {
		const parsed = parseRule(text);
		return parsed.ok ? [ruleText(parsed.value)] : [];
	});
	const more =
		read.length > 0 && !known.has(read.join('\n'))
			? [{ label: 'As the agent proposes', rules: read }]
			: [];
	return [...own, ...more].filter(
		({ rules }) =>
			allowingRules(
				call,
				rules.map((rule) => ({ rule })),
				place
			) !== null
	);
};

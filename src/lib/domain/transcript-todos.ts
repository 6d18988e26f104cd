/** The agent's list of things to do, from whichever of its tools it keeps it with. */
import { cleanLine } from './clean-text.ts';
import { arrayAt, objectAt, textAt, type Loose } from './loose-json.ts';
import type { Todo } from './transcript-blocks.ts';

const MAX_TODOS = 200;

const statusOf = (value: string | null): Todo['status'] =>
	value === 'completed' || value === 'in_progress' ? value : 'pending';

const fromTodoWrite = (input: Loose): Todo[] =>
	arrayAt(input, 'todos')
		.slice(0, MAX_TODOS)
		.map((item, index) => {
			const active = textAt(item, 'activeForm');
			return {
				id: String(index),
				text: cleanLine(textAt(item, 'content') ?? ''),
				activeText: active === null ? null : cleanLine(active),
				status: statusOf(textAt(item, 'status'))
			};
		})
		.filter((todo) => todo.text !== '');

const updated = (todos: Todo[], input: Loose): Todo[] => {
	const id = textAt(input, 'taskId');
	const status = textAt(input, 'status');
	if (status === 'deleted') return todos.filter((todo) => todo.id !== id);
	return todos.map((todo) => {
		if (todo.id !== id) return todo;
		const text = textAt(input, 'subject');
		const active = textAt(input, 'activeForm');
		return {
			...todo,
			text: text === null ? todo.text : cleanLine(text),
			activeText: active === null ? todo.activeText : cleanLine(active),
			status: status === null ? todo.status : statusOf(status)
		};
	});
};

const created = (todos: Todo[], input: Loose, structured: unknown): Todo[] => {
	const task = objectAt(structured, 'task');
	const id = textAt(task, 'id');
	const text = cleanLine(textAt(task, 'subject') ?? textAt(input, 'subject') ?? '');
	if (id === null || text === '' || todos.length >= MAX_TODOS) return todos;
	const active = textAt(input, 'activeForm');
	const todo: Todo = {
		id,
		text,
		activeText: active === null ? null : cleanLine(active),
		status: 'pending'
	};
	return [...todos.filter((known) => known.id !== id), todo];
};

/** The list after a call that went well. */
export const todosAfter = (
	todos: Todo[],
	name: string | null,
	input: Loose,
	structured: unknown
): Todo[] => {
	if (name === 'TodoWrite') return fromTodoWrite(input);
	if (name === 'TaskUpdate') return updated(todos, input);
	if (name === 'TaskCreate') return created(todos, input, structured);
	return todos;
};

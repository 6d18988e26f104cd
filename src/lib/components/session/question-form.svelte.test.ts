import { expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import QuestionForm from './question-form.svelte';

const questions = [
	{
		question: 'Which currency?',
		multiSelect: false,
		options: [
			{ label: 'Original', description: 'As charged' },
			{ label: 'Account', description: '' }
		]
	},
	{
		question: 'Which tests?',
		multiSelect: true,
		options: [
			{ label: 'Unit', description: '' },
			{ label: 'E2E', description: '' }
		]
	}
];

it('answers each question by its own text, choices joined', async () => {
	const onAnswer = vi.fn();
	const screen = await render(QuestionForm, {
		questions,
		busy: false,
		onAnswer,
		onDecline: vi.fn()
	});
	const send = screen.getByRole('button', { name: 'Answer', exact: true });
	await expect.element(send).toBeDisabled();
	await screen.getByLabelText('Original').click();
	await screen.getByLabelText('Unit').click();
	await screen.getByLabelText('E2E').click();
	await send.click();
	expect(onAnswer).toHaveBeenCalledWith({
		'Which currency?': 'Original',
		'Which tests?': 'Unit, E2E'
	});
});

it('takes own words instead of a choice', async () => {
	const onAnswer = vi.fn();
	const screen = await render(QuestionForm, {
		questions: questions.slice(0, 1),
		busy: false,
		onAnswer,
		onDecline: vi.fn()
	});
	await screen.getByLabelText('Account').click();
	await screen.getByLabelText('Another answer').fill('Ask the bank');
	await screen.getByRole('button', { name: 'Answer', exact: true }).click();
	expect(onAnswer).toHaveBeenCalledWith({ 'Which currency?': 'Ask the bank' });
});

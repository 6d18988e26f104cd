/** What a person says, with what goes along, and what helps to say it. */
import { z } from 'zod';
import { attachmentAnswerSchema } from '@agent-manager/protocol/attachments.ts';
import { fileListSchema } from '@agent-manager/protocol/changes.ts';
import {
	editMessageSchema,
	moveMessageSchema,
	sendMessageSchema
} from '@agent-manager/protocol/requests.ts';
import {
	savedPromptAnswerSchema,
	savedPromptsSchema,
	savePromptSchema
} from '@agent-manager/protocol/saved-prompts.ts';
import { command, type Method, type Operation } from './operation.ts';

export const MESSAGE_OPERATIONS: Record<string, Partial<Record<Method, Operation>>> = {
	'/api/sessions/{id}/messages': {
		post: command(
			'Send a message. It is delivered when the open turn has ended; steering, it goes into that turn.',
			sendMessageSchema
		)
	},
	'/api/sessions/{id}/messages/{messageId}': {
		patch: command('Change a message that the agent has not got yet.', editMessageSchema),
		delete: command('Take back a message that the agent has not got yet.')
	},
	'/api/sessions/{id}/messages/{messageId}/move': {
		post: command('Give a queued message another place in the queue.', moveMessageSchema)
	},
	'/api/sessions/{id}/attachments/{attachmentId}': {
		put: {
			summary:
				'Keep a file for a message, under an id that the client chooses. The body is the file itself.',
			query: { name: { description: 'Of the file.', schema: { type: 'string' } } },
			status: 201,
			answer: attachmentAnswerSchema
		},
		get: {
			summary: 'The file as it came, with the type that its bytes have.',
			status: 200,
			answer: z.string(),
			mediaType: '*/*'
		}
	},
	'/api/repos/{id}/attachments/{attachmentId}': {
		put: {
			summary:
				'Keep a file for the first message of a session, under an id that the client chooses. The body is the file itself.',
			query: { name: { description: 'Of the file.', schema: { type: 'string' } } },
			status: 201,
			answer: attachmentAnswerSchema
		},
		get: {
			summary: 'The file as it came, until a session has it.',
			status: 200,
			answer: z.string(),
			mediaType: '*/*'
		}
	},
	'/api/sessions/{id}/files': {
		get: {
			summary: 'The paths of the session’s files, ignored ones left out.',
			status: 200,
			answer: fileListSchema
		}
	},
	'/api/prompts': {
		get: { summary: 'The saved prompts, by name.', status: 200, answer: savedPromptsSchema }
	},
	'/api/prompts/{id}': {
		put: {
			summary: 'Make or change a saved prompt, under an id that the client chooses.',
			body: savePromptSchema,
			status: 200,
			answer: savedPromptAnswerSchema
		},
		delete: { summary: 'Remove a saved prompt.', status: 200, answer: z.object({}) }
	}
};

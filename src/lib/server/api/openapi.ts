/**
 * The API's description, made from the schemas that the routes parse and answer with. One table: a test
 * holds it against the routes that exist.
 */
import { z } from 'zod';
import {
	changeScopeSchema,
	changesSchema,
	commitRequestSchema,
	fileDiffSchema,
	pushRequestSchema,
	sessionCommitsSchema,
	updateRequestSchema
} from '@agent-manager/protocol/changes.ts';
import { sessionEventSchema } from '@agent-manager/protocol/events.ts';
import {
	createPullSchema,
	fixPullSchema,
	pullStateSchema
} from '@agent-manager/protocol/github.ts';
import { errorBodySchema, errorCodeSchema } from '@agent-manager/protocol/errors.ts';
import {
	freeSpaceAnswerSchema,
	freeSpaceSchema,
	healthProbeSchema,
	healthReportSchema,
	inventorySchema,
	repairAnswerSchema,
	repairRequestSchema,
	retentionSchema
} from '@agent-manager/protocol/health.ts';
import {
	configureSchema,
	decideSchema,
	forkSchema,
	githubQuerySchema,
	IDEMPOTENCY_HEADER,
	registerRepoSchema,
	renameSchema,
	repoRuleRequestSchema,
	sessionRulesSchema,
	startSessionSchema
} from '@agent-manager/protocol/requests.ts';
import {
	demoAnswerSchema,
	eventPageSchema,
	githubListSchema,
	repoAnswerSchema,
	repoDetailSchema,
	repoListSchema,
	repoRemovedSchema,
	sessionDetailSchema,
	sessionListSchema
} from '@agent-manager/protocol/responses.ts';
import {
	landmarksAnswerSchema,
	searchAnswerSchema,
	searchQuerySchema
} from '@agent-manager/protocol/transcript-places.ts';
import { rewindPlanSchema, rewindSchema } from '@agent-manager/protocol/rewind.ts';
import { usageQuerySchema, usageSchema } from '@agent-manager/protocol/usage.ts';
import { jsonObjectSchema } from '@agent-manager/protocol/json.ts';
import { ERROR_TABLE } from '#lib/domain/errors.ts';
import { MESSAGE_OPERATIONS } from './message-operations.ts';
import { command, type Method, type Operation } from './operation.ts';

const scopeParameter = {
	description:
		'base: all commits of the session; turn: everything since the newest turn began, committed or not; commit: one of the commits; uncommitted: the worktree.',
	schema: { type: 'string', enum: changeScopeSchema.options, default: 'base' }
};
const commitParameter = {
	description: 'Which one, of the scope commit.',
	schema: { type: 'string' }
};
const whole = { type: 'integer', minimum: 0 };

/** Every path of the API, with its methods. */
export const OPERATIONS: Record<string, Partial<Record<Method, Operation>>> = {
	'/api/repos': {
		get: { summary: 'Every repo with its live counts.', status: 200, answer: repoListSchema },
		post: {
			summary: 'Register a repo. The clone goes on after the answer; its progress is in the repo.',
			body: registerRepoSchema,
			status: 201,
			answer: repoAnswerSchema
		}
	},
	'/api/repos/github': {
		get: {
			summary: 'The repositories of the signed-in GitHub user.',
			query: {
				q: {
					description: 'Part of the name.',
					schema: z.toJSONSchema(githubQuerySchema.shape.q, { io: 'input' })
				},
				page: { description: 'From 1.', schema: { ...whole, minimum: 1, default: 1 } }
			},
			status: 200,
			answer: githubListSchema
		}
	},
	'/api/repos/{id}': {
		get: { summary: 'A repo and its sessions.', status: 200, answer: repoDetailSchema },
		delete: {
			summary: 'Remove a repo. Commits that no remote has are saved to a file and named.',
			query: {
				force: {
					description: 'Stop live sessions and go on.',
					schema: { type: 'boolean', default: false }
				}
			},
			status: 200,
			answer: repoRemovedSchema
		}
	},
	'/api/repos/{id}/refresh': {
		post: { summary: 'Fetch from the remote.', status: 202, answer: repoAnswerSchema }
	},
	'/api/repos/{id}/rules': {
		post: {
			summary: 'Let every session of the repo do something without asking.',
			body: repoRuleRequestSchema,
			status: 200,
			answer: repoAnswerSchema
		},
		delete: {
			summary: 'Take a rule back.',
			query: { rule: { description: 'As it is listed.', schema: { type: 'string' } } },
			status: 200,
			answer: repoAnswerSchema
		}
	},
	'/api/repos/{id}/sessions': {
		get: {
			summary: 'The repo’s sessions: pinned ones first, then the newest.',
			query: {
				archived: {
					description: 'The archived ones instead of the others.',
					schema: { type: 'boolean', default: false }
				}
			},
			status: 200,
			answer: sessionListSchema
		},
		post: {
			...command('Start a session.', startSessionSchema),
			status: 201
		}
	},
	'/api/sessions/{id}': {
		get: {
			summary: 'A session with its last 200 events.',
			status: 200,
			answer: sessionDetailSchema
		},
		delete: {
			...command('Stop a session: its sandbox goes, worktree, branch and transcript stay.'),
			query: {
				purge: {
					description: 'Remove worktree, session folder and transcript as well.',
					schema: { type: 'boolean', default: false }
				}
			}
		}
	},
	...MESSAGE_OPERATIONS,
	'/api/sessions/{id}/decide': {
		post: command('Answer an approval, a question or a plan.', decideSchema)
	},
	'/api/sessions/{id}/configure': {
		post: command('Change mode, model or effort, also in the middle of a turn.', configureSchema)
	},
	'/api/sessions/{id}/rules': {
		post: command('Change what the session may do without asking.', sessionRulesSchema)
	},
	'/api/sessions/{id}/interrupt': { post: command('End the open turn; the session goes on.') },
	'/api/sessions/{id}/stop': { post: command('The same as DELETE.') },
	'/api/sessions/{id}/resume': { post: command('A new sandbox on the same conversation.') },
	'/api/sessions/{id}/retry': { post: command('Try a failed start again.') },
	'/api/sessions/{id}/finish': { post: command('Close the agent’s input; it ends by itself.') },
	'/api/sessions/{id}/sleep': { post: command('Put the sandbox away until the next message.') },
	'/api/sessions/{id}/purge': { post: command('The same as DELETE with purge=true.') },
	'/api/sessions/{id}/rename': { post: command('Give the session another title.', renameSchema) },
	'/api/sessions/{id}/pin': { post: command('Let it stand first in lists.') },
	'/api/sessions/{id}/unpin': { post: command('Let it stand among the others again.') },
	'/api/sessions/{id}/archive': {
		post: command('Take a session that is not live out of the lists; all of it is kept.')
	},
	'/api/sessions/{id}/unarchive': { post: command('Bring it back into the lists.') },
	'/api/sessions/{id}/changes': {
		get: {
			summary: 'Files that the session has changed.',
			query: { scope: scopeParameter, commit: commitParameter },
			status: 200,
			answer: changesSchema
		}
	},
	'/api/sessions/{id}/changes/file': {
		get: {
			summary: 'The diff of one file.',
			query: {
				scope: scopeParameter,
				commit: commitParameter,
				path: { description: 'As the list has it.', schema: { type: 'string' } },
				oldPath: { description: 'Of a renamed file.', schema: { type: 'string' } }
			},
			status: 200,
			answer: fileDiffSchema
		}
	},
	'/api/sessions/{id}/commits': {
		get: {
			summary: 'The session’s commits, newest first.',
			status: 200,
			answer: sessionCommitsSchema
		}
	},
	'/api/sessions/{id}/commit': {
		post: command('Commit all that is not committed.', commitRequestSchema)
	},
	'/api/sessions/{id}/push': {
		post: command(
			'Push the session’s branch, never the default one. How it ends shows in gitAction.',
			pushRequestSchema
		)
	},
	'/api/sessions/{id}/update': {
		post: command('Bring the newest base into the branch, in the worktree.', updateRequestSchema)
	},
	'/api/sessions/{id}/events': {
		get: {
			summary: 'A page of the event log, in order. Without after and before: the newest.',
			query: {
				after: { description: 'Events after this seq.', schema: whole },
				before: { description: 'The events just before this seq.', schema: whole },
				limit: {
					description: 'At most so many.',
					schema: { type: 'integer', minimum: 1, maximum: 1000, default: 200 }
				}
			},
			status: 200,
			answer: eventPageSchema
		}
	},
	'/api/sessions/{id}/fork': {
		post: {
			...command(
				'Start a session that goes on from what this one was when a turn had ended: conversation, commits, a branch of its own.',
				forkSchema
			),
			status: 201
		}
	},
	'/api/sessions/{id}/rewind': {
		get: {
			summary: 'What a rewind to before the prompt whose turn began at atSeq would do.',
			query: { atSeq: { description: 'The event with which the turn began.', schema: whole } },
			status: 200,
			answer: rewindPlanSchema
		},
		post: command(
			'Go back to before a prompt: what came after is set aside, with the files if wanted. How it ends shows in gitAction.',
			rewindSchema
		)
	},
	'/api/sessions/{id}/rewind/undo': {
		post: command('Take the newest rewind back, as long as no turn has begun since.')
	},
	'/api/sessions/{id}/search': {
		get: {
			summary:
				'Events whose words hold a text, from the newest back. A long log takes several calls: go on before searchedTo until that is 1.',
			query: {
				q: {
					description: 'What is looked for; case does not count.',
					schema: z.toJSONSchema(searchQuerySchema.shape.q, { io: 'input' })
				},
				before: { description: 'Only events before this seq.', schema: whole },
				limit: {
					description: 'At most so many hits.',
					schema: { type: 'integer', minimum: 1, maximum: 500, default: 100 }
				}
			},
			status: 200,
			answer: searchAnswerSchema
		}
	},
	'/api/sessions/{id}/landmarks': {
		get: {
			summary: 'Where prompts and errors are in the transcript, in order.',
			status: 200,
			answer: landmarksAnswerSchema
		}
	},
	'/api/sessions/{id}/pull': {
		get: {
			summary: 'The branch on GitHub, and its pull request with checks and reviews.',
			status: 200,
			answer: pullStateSchema
		},
		post: {
			summary: 'Push the branch if it has to be, then open a pull request.',
			body: createPullSchema,
			status: 201,
			answer: pullStateSchema
		}
	},
	'/api/sessions/{id}/pull/fix': {
		post: command(
			'Send a failing check with its log, or a review’s thread, to the agent.',
			fixPullSchema
		)
	},
	'/api/sessions/{id}/events.ndjson': {
		get: {
			summary: 'The whole event log as a file: one event a line, payloads as they came.',
			status: 200,
			answer: sessionEventSchema,
			mediaType: 'application/x-ndjson'
		}
	},
	'/api/sessions/{id}/events/{seq}': {
		get: {
			summary: 'The whole payload of one event as it came, also where the log holds it shortened.',
			status: 200,
			answer: jsonObjectSchema
		}
	},
	'/api/usage': {
		get: {
			summary: 'Tokens and cost of the last days, by day, repo, model and session.',
			query: {
				days: {
					description: 'So many days up to today.',
					schema: { type: 'integer', minimum: 1, maximum: 366, default: 30 }
				},
				timeZone: {
					description: 'Whose midnight ends a day, such as Europe/Berlin.',
					schema: z.toJSONSchema(usageQuerySchema.shape.timeZone, { io: 'input' })
				}
			},
			status: 200,
			answer: usageSchema
		}
	},
	'/api/about': {
		get: { summary: 'Version, model and sandbox drivers.', status: 200, answer: jsonObjectSchema }
	},
	'/api/demo': {
		post: {
			summary:
				'Play the demo: a small repo, and an orchestrator that splits a feature over three sessions. One that is live is answered with. With the demo model only.',
			status: 201,
			answer: demoAnswerSchema
		}
	},
	'/api/openapi.json': {
		get: { summary: 'This document.', status: 200, answer: jsonObjectSchema }
	},
	'/api/health': {
		get: {
			summary:
				'Whether the app lives and is ready (503 if not); with a token also components and numbers.',
			status: 200,
			answer: z.union([healthReportSchema, healthProbeSchema]),
			open: true
		}
	},
	'/api/health/inventory': {
		get: {
			summary: 'What the last inventory found, and where the disk went.',
			status: 200,
			answer: inventorySchema
		}
	},
	'/api/health/look': {
		post: {
			summary: 'Take the inventory now; what can lose nothing is mended.',
			status: 200,
			answer: inventorySchema
		}
	},
	'/api/health/retention': {
		get: {
			summary: 'What purging archived sessions would free. Changes nothing.',
			query: {
				archivedDays: { description: 'Archived at least so many days ago.', schema: whole }
			},
			status: 200,
			answer: retentionSchema
		},
		post: {
			summary: 'Purge these archived sessions. Unpushed commits stay under saved refs.',
			body: freeSpaceSchema,
			status: 202,
			answer: freeSpaceAnswerSchema
		}
	},
	'/api/health/repairs': {
		post: {
			summary: 'Mend the findings with these ids.',
			body: repairRequestSchema,
			status: 200,
			answer: repairAnswerSchema
		}
	},
	'/api/sign-in': {
		post: {
			summary: 'Sign a browser in with the token; sets the cookie.',
			body: z.strictObject({ token: z.string() }),
			status: 200,
			answer: z.object({ status: z.literal('ok') }),
			open: true
		}
	}
};

const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): object => {
	const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
	return rest;
};

const json = (schema: object, mediaType = 'application/json') => ({
	content: { [mediaType]: { schema } }
});

const parametersOf = (path: string, { query = {}, isCommand }: Operation): object[] => [
	...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
		name,
		in: 'path',
		required: true,
		schema: name === 'seq' ? whole : { type: 'string', format: 'uuid' }
	})),
	...Object.entries(query).map(([name, { description, schema }]) => ({
		name,
		in: 'query',
		description,
		schema
	})),
	...(isCommand
		? [
				{
					name: IDEMPOTENCY_HEADER,
					in: 'header',
					description: 'The same key with the same body has one effect and one answer.',
					schema: { type: 'string', format: 'uuid' }
				}
			]
		: [])
];

const describe = (path: string, operation: Operation): object => ({
	summary: operation.summary,
	parameters: parametersOf(path, operation),
	...(operation.body
		? { requestBody: { required: true, ...json(jsonSchema(operation.body, 'input')) } }
		: {}),
	...(operation.open ? { security: [] } : {}),
	responses: {
		[operation.status]: {
			description: 'Done.',
			...json(jsonSchema(operation.answer, 'output'), operation.mediaType)
		},
		default: { $ref: '#/components/responses/Error' }
	}
});

export const openApiDocument = (version: string): object => ({
	openapi: '3.1.0',
	info: {
		title: 'Agent Manager',
		version,
		description:
			'Errors are `{ error: { code, message, hint?, details? } }`. Codes and their HTTP status:\n\n' +
			errorCodeSchema.options
				.map((code) => `- \`${code}\`: ${ERROR_TABLE[code].httpStatus}`)
				.join('\n')
	},
	security: [{ bearer: [] }, { cookie: [] }],
	paths: Object.fromEntries(
		Object.entries(OPERATIONS).map(([path, methods]) => [
			path,
			Object.fromEntries(
				Object.entries(methods).map(([method, operation]) => [method, describe(path, operation)])
			)
		])
	),
	components: {
		securitySchemes: {
			bearer: { type: 'http', scheme: 'bearer', description: 'The token from the token file.' },
			cookie: { type: 'apiKey', in: 'cookie', name: 'agent-manager-…' }
		},
		responses: {
			Error: { description: 'Refused.', ...json(jsonSchema(errorBodySchema, 'output')) }
		}
	}
});

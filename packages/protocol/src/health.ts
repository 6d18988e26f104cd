import * as z from 'zod';
import { sessionIdSchema } from './ids.ts';
import { timestampSchema } from './json.ts';

/** What `GET /api/health` says to anybody: whether the app runs, and whether it can take work. */
export const healthProbeSchema = z.object({
	status: z.enum(['ok', 'not_ready']),
	live: z.literal(true),
	ready: z.boolean()
});
export type HealthProbe = z.infer<typeof healthProbeSchema>;

export const componentStateSchema = z.enum(['ok', 'warn', 'fail', 'unknown']);
export type ComponentState = z.infer<typeof componentStateSchema>;

/** One of the things that the app stands on, as of the last look. */
export const componentSchema = z.object({
	/** Stable, for programs: `database`, `disk`, `sandbox-docker`… */
	name: z.string(),
	title: z.string(),
	state: componentStateSchema,
	found: z.string(),
	/** What to do about it; null when there is nothing to do. */
	advice: z.string().nullable(),
	lookedAt: timestampSchema.nullable(),
	/** How long the look took; null where there is nothing to wait for. */
	latencyMs: z.number().nullable()
});
export type Component = z.infer<typeof componentSchema>;

/** Numbers as they are now. */
export const healthNumbersSchema = z.object({
	/** By status; the six of a session. */
	sessions: z.record(z.string(), z.int()),
	eventsPerSecond: z.number(),
	/** From the runner's clock to the commit, of the slowest twentieth of the last minute. */
	ingestLagMs: z.number().nullable(),
	viewers: z.int(),
	queues: z.object({
		/** Sessions that wait for their turn to start. */
		start: z.int(),
		/** Commands that a runner has not taken. */
		commands: z.int(),
		/** Records that wait for the database. */
		intake: z.int()
	}),
	databaseLatencyMs: z.number().nullable(),
	memoryBytes: z.int()
});
export type HealthNumbers = z.infer<typeof healthNumbersSchema>;

/** One moment of the last ten minutes; `null` where there was nothing to measure. */
export const healthSampleSchema = z.object({
	at: timestampSchema,
	eventsPerSecond: z.number(),
	ingestLagMs: z.number().nullable(),
	viewers: z.int(),
	queued: z.int(),
	databaseLatencyMs: z.number().nullable(),
	memoryBytes: z.int(),
	liveSessions: z.int()
});
export type HealthSample = z.infer<typeof healthSampleSchema>;

/** What `GET /api/health` says to who is signed in. */
export const healthReportSchema = healthProbeSchema.extend({
	components: z.array(componentSchema),
	numbers: healthNumbersSchema,
	/** Oldest first. */
	samples: z.array(healthSampleSchema),
	/** How many things need a person: components that fail, and findings that wait for a click. */
	attention: z.int(),
	/** When the last inventory was made; it is at `GET /api/health/inventory`. */
	inventoryAt: timestampSchema.nullable()
});
export type HealthReport = z.infer<typeof healthReportSchema>;

/**
 * `ghost`: a row whose thing is gone. `orphan`: a thing of ours whose row is gone. `leftover`: what a
 * step that was cut off left. `kept`: saved for a person. `foreign`: not ours, left alone.
 */
export const findingClassSchema = z.enum(['ghost', 'orphan', 'leftover', 'kept', 'foreign']);
export type FindingClass = z.infer<typeof findingClassSchema>;

export const findingKindSchema = z.enum([
	'sandbox',
	'worktree',
	'session_folder',
	'socket',
	'mirror',
	'branch',
	'base',
	'saved_commits',
	'bundle',
	'events',
	'file'
]);
export type FindingKind = z.infer<typeof findingKindSchema>;

export const repairActionSchema = z.enum([
	'remove_sandbox',
	'remove_socket',
	'remove_leftover',
	'remove_base',
	'restore_base',
	'restore_branch',
	'restore_worktree',
	'clone_again',
	'keep_branch',
	'remove_worktree',
	'remove_session_folder',
	'remove_mirror',
	'remove_events',
	'drop_saved',
	'remove_bundle'
]);
export type RepairAction = z.infer<typeof repairActionSchema>;

export const repairSchema = z.object({
	action: repairActionSchema,
	/** What will happen, as a button may say it: “Remove the socket”. */
	label: z.string(),
	/** What happens, what is kept and what is lost. */
	consequence: z.string(),
	/** Nothing can be lost: the app does it by itself. */
	safe: z.boolean()
});
export type Repair = z.infer<typeof repairSchema>;

/** One difference between what is wanted and what is there. */
export const findingSchema = z.object({
	/** The same difference has the same id at every look. */
	id: z.string(),
	class: findingClassSchema,
	kind: findingKindSchema,
	/** Such as a path below the workspace, a ref, or the name of a container. */
	name: z.string(),
	sessionId: z.string().nullable(),
	repoId: z.string().nullable(),
	/** null: not measured, or nothing to measure. */
	bytes: z.number().nullable(),
	/** When the thing was last changed, or the row. */
	since: timestampSchema.nullable(),
	/** What is there and why, in words. */
	cause: z.string(),
	repair: repairSchema.nullable(),
	/** Why the last try to repair it failed. */
	problem: z.string().nullable()
});
export type Finding = z.infer<typeof findingSchema>;

export const diskKindSchema = z.enum([
	'worktrees',
	'session_folders',
	'mirrors',
	'database',
	'saved',
	'sandboxes',
	'other'
]);
export type DiskKind = z.infer<typeof diskKindSchema>;

export const diskUseSchema = z.object({
	/** Of the disk that the workspace is on. */
	freeBytes: z.number(),
	totalBytes: z.number(),
	byKind: z.array(z.object({ kind: diskKindSchema, bytes: z.number() })),
	/** Largest first. `bytes` is all of it: worktree, session folder, and its part of the database. */
	bySession: z.array(
		z.object({
			sessionId: z.string(),
			repoId: z.string(),
			title: z.string(),
			status: z.string(),
			archived: z.boolean(),
			bytes: z.number(),
			worktreeBytes: z.number(),
			folderBytes: z.number(),
			eventBytes: z.number()
		})
	),
	/** Largest first. `bytes` is the mirror and its sessions. */
	byRepo: z.array(
		z.object({ repoId: z.string(), name: z.string(), bytes: z.number(), mirrorBytes: z.number() })
	),
	/** False while some folder has not been measured, or only in part. */
	complete: z.boolean()
});
export type DiskUse = z.infer<typeof diskUseSchema>;

export const inventorySchema = z.object({
	/** null until the first look has ended. */
	at: timestampSchema.nullable(),
	durationMs: z.number().nullable(),
	findings: z.array(findingSchema),
	/** Listings that failed: nothing is concluded from them. */
	failures: z.array(z.string()),
	/** What the app has mended by itself or was told to, newest first, at most 50. */
	repaired: z.array(
		z.object({
			at: timestampSchema,
			label: z.string(),
			name: z.string(),
			bytes: z.number().nullable(),
			byItself: z.boolean()
		})
	),
	/** null until it was measured. */
	disk: diskUseSchema.nullable()
});
export type Inventory = z.infer<typeof inventorySchema>;

/** `POST /api/health/repairs`: the findings to repair, by id. */
export const repairRequestSchema = z.strictObject({
	ids: z.array(z.string().min(1).max(1_000)).min(1).max(1_000)
});

export const repairAnswerSchema = z.object({
	outcomes: z.array(
		z.object({ id: z.string(), repaired: z.boolean(), problem: z.string().nullable() })
	),
	inventory: inventorySchema
});
export type RepairAnswer = z.infer<typeof repairAnswerSchema>;

/** Query of `GET /api/health/retention`. */
export const retentionQuerySchema = z.strictObject({
	/** Sessions that have been in the archive for at least so many days; 0: all of them. */
	archivedDays: z.coerce.number().pipe(z.int().min(0).max(36_500)).default(0)
});

export const retentionSchema = z.object({
	/** 0: never. */
	archiveAfterDays: z.int(),
	deleteAfterDays: z.int(),
	/** What would be purged, largest first. */
	sessions: z.array(
		z.object({
			sessionId: z.string(),
			repoId: z.string(),
			title: z.string(),
			archivedAt: timestampSchema,
			bytes: z.number(),
			/** Of the session's own; those that no remote has stay under `refs/saved/*`. */
			commitCount: z.int()
		})
	),
	bytes: z.number(),
	/** Sessions in the archive, whatever their age. */
	archived: z.int()
});
export type Retention = z.infer<typeof retentionSchema>;

/** `POST /api/health/retention`: purges these sessions, as far as they are still in the archive. */
export const freeSpaceSchema = z.strictObject({
	sessionIds: z.array(sessionIdSchema).min(1).max(10_000)
});
export const freeSpaceAnswerSchema = z.object({ purged: z.int(), bytes: z.number() });

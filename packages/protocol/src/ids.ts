import * as z from 'zod';

/** A session's id: a lower-case UUID, chosen by the manager. */
export const sessionIdSchema = z.uuid().toLowerCase().brand<'SessionId'>();
export type SessionId = z.infer<typeof sessionIdSchema>;

/** A repo's id: a lower-case UUID, chosen by the manager. */
export const repoIdSchema = z.uuid().toLowerCase().brand<'RepoId'>();
export type RepoId = z.infer<typeof repoIdSchema>;

/**
 * A command's id is its idempotency key. For a message it is also the uuid of the SDK's user
 * message, so it has to be a UUID.
 */
export const commandIdSchema = z.uuid().toLowerCase().brand<'CommandId'>();
export type CommandId = z.infer<typeof commandIdSchema>;

/** Position in a session's event log: 1, 2, 3, … without holes. 0 means "before the first". */
export const seqSchema = z.int().min(0);

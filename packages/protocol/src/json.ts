import * as z from 'zod';

/** Any JSON object: what an SDK message or an event's payload is before somebody looks inside. */
export const jsonObjectSchema = z.record(z.string(), z.unknown());
export type JsonObject = z.infer<typeof jsonObjectSchema>;

/** A moment as ISO 8601 in UTC, such as `2026-11-23T08:30:00.000Z`. */
export const timestampSchema = z.iso.datetime({ offset: true });

import type { Fence } from '../../src/lib/server/db/manager-lease.ts';

/** For a test that is its database's only writer: every connection is let in. */
export const unfenced: Fence = { join: () => Promise.resolve() };

import { defineConfig } from 'drizzle-kit';

/** `DATABASE_URL` is set by `scripts/db.mjs`; generating migrations needs no database. */
export default defineConfig({
	dialect: 'postgresql',
	schema: './src/lib/server/db/schema.ts',
	out: './drizzle',
	dbCredentials: { url: process.env['DATABASE_URL'] ?? '' }
});

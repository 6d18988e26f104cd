import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import { expect, it } from 'vitest';
import { findProjectRoot } from '#lib/server/project-root.ts';
import * as schema from './schema.ts';

it('has a checked-in migration for all of it (else run: npm run db:generate)', async () => {
	const folder = join(findProjectRoot(), 'drizzle', 'meta');
	const newest = readdirSync(folder)
		.filter((name) => name.endsWith('_snapshot.json'))
		.sort()
		.at(-1);
	const checkedIn = JSON.parse(readFileSync(join(folder, newest ?? ''), 'utf8')) as Parameters<
		typeof generateMigration
	>[0];
	expect(await generateMigration(checkedIn, generateDrizzleJson(schema))).toEqual([]);
});

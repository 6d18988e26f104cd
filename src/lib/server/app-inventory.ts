/** The app's inventory: what it lists, what it compares, and who mends what. */
import { randomUUID } from 'node:crypto';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { ok } from '#lib/domain/result.ts';
import type { AppHealthOptions } from './app-health.ts';
import { measureDatabase } from './db/health-queries.ts';
import type { DiskMeter } from './health/disk-use.ts';
import { InventoryKeeper } from './health/inventory-keeper.ts';
import { readInventoryInput, type InventoryInput } from './health/inventory-sources.ts';
import { createRepairs } from './health/repairs.ts';
import { listDoorSockets } from './sessions/session-folders.ts';

const LIVE_STATUSES = new Set(['starting', 'running', 'waiting']);

const measured = ({ sessions, repos }: InventoryInput) => ({
	sessions: sessions.map(({ id, repoId, title, status, lastSeq, updatedAtMs, archivedAtMs }) => ({
		...{ id, repoId, title, status, events: lastSeq, changedAtMs: updatedAtMs },
		isLive: LIVE_STATUSES.has(status),
		archived: archivedAtMs !== null
	})),
	repos: repos.map(({ id, owner, name, mirrorPath }) => ({
		...{ id, mirrorPath },
		name: `${owner}/${name}`
	}))
});

export const createInventoryKeeper = ({
	config,
	db,
	git,
	logger,
	instance,
	parts,
	disk,
	workspace,
	confirmLease,
	acted
}: AppHealthOptions & {
	disk: DiskMeter;
	acted: (action: string, outcome: 'done' | 'failed') => void;
}): InventoryKeeper => {
	const { workspaceRoot } = config;
	/** Of a workspace that is gone, or went meanwhile, every row would be a ghost. */
	const read = async (): Promise<InventoryInput> => {
		const input = await readInventoryInput({
			...{ db, git, workspaceRoot, instance },
			drivers: parts().drivers.all,
			listDoorSockets: (folders) => listDoorSockets(workspaceRoot, folders),
			openDoors: () => parts().door.door.openSessions(),
			isSessionAtWork: (id) => parts().sessions.isAtWork(id as SessionId),
			isRepoAtWork: (id) => parts().repos.service.isAtWork(id as RepoId)
		});
		await workspace.confirm();
		return input;
	};
	const repairs = createRepairs({
		...{ db, git, workspaceRoot, instance, newId: randomUUID },
		drivers: () => parts().drivers.all(),
		sessions: {
			restoreWorktree: (id) => parts().sessions.repair.restoreWorktree(id as SessionId),
			restoreBranch: (id) => parts().sessions.repair.restoreBranch(id as SessionId),
			restoreBase: (id) => parts().sessions.repair.restoreBase(id as SessionId),
			removeOrphanedWorktree: (name) => parts().sessions.repair.removeOrphanedWorktree(name),
			removeOrphanedFolder: (name) => parts().sessions.repair.removeOrphanedFolder(name)
		},
		repos: {
			cloneAgain: async (id) => {
				const begun = await parts().repos.service.refresh(id as RepoId);
				return begun.ok ? ok() : begun;
			},
			removeOrphanedMirror: (path) => parts().repos.service.removeOrphan(path)
		}
	});
	return new InventoryKeeper({
		...{ read, repairs, measured, acted, logger, disk },
		confirmLease: async () => {
			await confirmLease();
			await workspace.confirm();
		},
		databaseSizes: () => measureDatabase(db),
		now: () => new Date(),
		nowMs: () => performance.now()
	});
};

/** Reads, then proposes a plan: through ExitPlanMode in plan mode, as text otherwise. */
import { call, reply, say } from './reply.ts';
import type { Scene, Script } from './script.ts';
import { changeAndCommit } from './story-edit.ts';
import { explore, stopBecauseRefused } from './story-explore.ts';
import { closingNote } from './story-talk.ts';
import { loadTool } from './tool-calls.ts';

export function* planStory(scene: Scene): Script {
	const explored = yield* explore(scene, 'I make a plan before I change anything.');
	if (explored.refused !== null) return stopBecauseRefused(explored.refused);
	const target = explored.read?.path ?? 'NOTES.md';
	const plan = [
		'## Plan',
		'',
		`1. Start from \`${target}\`, which describes the repository.`,
		'2. Record the wish in `NOTES.md`, so that the change is small and easy to review.',
		'3. Check with `git diff --stat`.',
		'4. Commit on this session’s branch.'
	].join('\n');
	if (!scene.turn.planMode) {
		return reply([say(`${plan}\n\nSay “go on” and I do it.${closingNote(scene)}`)]);
	}
	const { planFile } = scene.conversation;
	if (planFile) {
		yield reply([call('Write', { file_path: planFile, content: `${plan}\n` })]);
	}
	yield* loadTool(scene, 'ExitPlanMode');
	const [outcome] = yield reply([
		say('The plan is ready for you to look at.\n'),
		call('ExitPlanMode', { plan })
	]);
	if (!outcome || outcome.isError) {
		return reply([
			say(
				`The plan was not approved, so nothing is changed. Tell me what to do otherwise.${closingNote(scene)}`
			)
		]);
	}
	return yield* changeAndCommit(scene, explored);
}

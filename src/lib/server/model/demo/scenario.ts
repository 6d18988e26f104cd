/** Chooses what the demo model plays from the words of the prompt. Test directives come first. */
import { directiveScript } from './directive-script.ts';
import { allArgs, numberArg, parseDirectives, type Directive } from './directive.ts';
import { featurePartOf } from './demo-feature.ts';
import type { Reply } from './reply.ts';
import { replay, type Scene, type Script } from './script.ts';
import { hasSessionTools } from './session-tools.ts';
import { commitStory } from './story-commit.ts';
import { editStory } from './story-edit.ts';
import { explainStory } from './story-explain.ts';
import { featurePartStory } from './story-feature.ts';
import { isWakeUp, orchestrateStory, startAndWait, wokenStory } from './story-orchestrate.ts';
import { planStory } from './story-plan.ts';
import { runStory } from './story-run.ts';
import { recap, smallTalk } from './story-talk.ts';

export type ScenarioName =
	| 'directive'
	| 'orchestrate'
	| 'woken'
	| 'feature-part'
	| 'small-talk'
	| 'recap'
	| 'plan'
	| 'run'
	| 'commit'
	| 'explain'
	| 'edit';

const CHANGE =
	/\b(add|adds|append|build|change|create|delete|document|edit|extend|fix|fixes|implement|improve|insert|make|migrate|refactor|remove|rename|replace|rewrite|update|write)\b/i;
const THANKS =
	/^\W*(thanks?|thank you|thx|great|nice|perfect|cool|awesome|ok(ay)?|hi|hello|hey)\b/i;
const RECAP =
	/\b(what (did|have) you (do|done|change|changed)|which files|list (of )?(the |your )?changes|summari[sz]e (what|your)|what changed)\b/i;
const RUN = /^\W*(please )?(run|execute|start)\b|\brun (the |all )?tests?\b/i;
const COMMIT = /^\W*(please )?commit\b/i;
const EXPLAIN =
	/\b(explain|describe|overview|review|summari[sz]e|understand|what|how|why|where|which|who|read|look at|show me|tell me)\b|\?\s*$/i;
const PLAN =
	/\b(make|write|propose|draft|give me|come up with) (me )?an? (\w+ )?plan\b|^\W*plan\b/i;

/** Which scenario a prompt gets. `first`: nothing was said before in this conversation. */
export function chooseScenario(
	prompt: string,
	context: { first: boolean; planMode: boolean; orchestrator: boolean }
): ScenarioName {
	if (context.orchestrator && isWakeUp(prompt)) return 'woken';
	if (parseDirectives(prompt).length > 0) return 'directive';
	const words = prompt.trim().split(/\s+/).length;
	if (RECAP.test(prompt)) return context.first ? 'explain' : 'recap';
	if (THANKS.test(prompt) && words <= 8 && !CHANGE.test(prompt)) return 'small-talk';
	if (context.orchestrator) return 'orchestrate';
	if (featurePartOf(prompt)) return 'feature-part';
	if (context.planMode || PLAN.test(prompt)) return 'plan';
	if (RUN.test(prompt)) return 'run';
	if (COMMIT.test(prompt)) return 'commit';
	if (EXPLAIN.test(prompt) && !CHANGE.test(prompt)) return 'explain';
	return 'edit';
}

function* once(reply: Reply): Script {
	yield* [];
	return reply;
}

/** `orchestrate` is a whole story of its own, the others are steps of one. */
function directed(directives: Directive[], scene: Scene): Script {
	const [first] = directives;
	if (first?.name !== 'orchestrate') return directiveScript(directives, scene);
	return startAndWait(scene, allArgs(first, 'prompt'), numberArg(first, 'timeout', 3_600));
}

function scriptFor(scene: Scene): Script {
	const { prompt, planMode } = scene.turn;
	const orchestrator = hasSessionTools(scene);
	const part = featurePartOf(prompt);
	switch (chooseScenario(prompt, { first: scene.earlier.length === 0, planMode, orchestrator })) {
		case 'directive':
			return directed(parseDirectives(prompt), scene);
		case 'orchestrate':
			return orchestrateStory(scene);
		case 'woken':
			return wokenStory(scene);
		case 'feature-part':
			return part ? featurePartStory(scene, part) : editStory(scene);
		case 'small-talk':
			return once(smallTalk(scene));
		case 'recap':
			return once(recap(scene));
		case 'plan':
			return planStory(scene);
		case 'run':
			return runStory(scene);
		case 'commit':
			return commitStory(scene);
		case 'explain':
			return explainStory(scene);
		case 'edit':
			return editStory(scene);
	}
}

/**
 * What a person says in the middle of a turn is answered in the same turn, after what was asked
 * before: the last words of one script stand before the first ones of the next.
 */
function* withAsides(scene: Scene): Script {
	const { turn, earlier } = scene;
	let last = yield* scriptFor(scene);
	for (const prompt of turn.asides) {
		const script = scriptFor({ ...scene, turn: { ...turn, prompt }, earlier: [...earlier, turn] });
		let lead = last.blocks;
		let next = script.next();
		while (!next.done) {
			const answer = yield { ...next.value, blocks: [...lead, ...next.value.blocks] };
			lead = [];
			next = script.next(answer);
		}
		last = { ...next.value, blocks: [...lead, ...next.value.blocks] };
	}
	return last;
}

/** What the model says next in this scene. */
export const nextReply = (scene: Scene): Reply => replay(withAsides(scene), scene.turn.steps);

/** Chooses what the demo model plays from the words of the prompt. Test directives come first. */
import { directiveScript } from './directive-script.ts';
import { parseDirectives } from './directive.ts';
import type { Reply } from './reply.ts';
import { replay, type Scene } from './script.ts';
import { commitStory } from './story-commit.ts';
import { editStory } from './story-edit.ts';
import { explainStory } from './story-explain.ts';
import { planStory } from './story-plan.ts';
import { runStory } from './story-run.ts';
import { recap, smallTalk } from './story-talk.ts';

export type ScenarioName =
	'directive' | 'small-talk' | 'recap' | 'plan' | 'run' | 'commit' | 'explain' | 'edit';

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
	context: { first: boolean; planMode: boolean }
): ScenarioName {
	if (parseDirectives(prompt).length > 0) return 'directive';
	const words = prompt.trim().split(/\s+/).length;
	if (RECAP.test(prompt)) return context.first ? 'explain' : 'recap';
	if (THANKS.test(prompt) && words <= 8 && !CHANGE.test(prompt)) return 'small-talk';
	if (context.planMode || PLAN.test(prompt)) return 'plan';
	if (RUN.test(prompt)) return 'run';
	if (COMMIT.test(prompt)) return 'commit';
	if (EXPLAIN.test(prompt) && !CHANGE.test(prompt)) return 'explain';
	return 'edit';
}

/** What the model says next in this scene. */
export function nextReply(scene: Scene): Reply {
	const { prompt, steps } = scene.turn;
	const scenario = chooseScenario(prompt, {
		first: scene.earlier.length === 0,
		planMode: scene.turn.planMode
	});
	switch (scenario) {
		case 'directive':
			return replay(directiveScript(parseDirectives(prompt), scene), steps);
		case 'small-talk':
			return smallTalk(scene);
		case 'recap':
			return recap(scene);
		case 'plan':
			return replay(planStory(scene), steps);
		case 'run':
			return replay(runStory(scene), steps);
		case 'commit':
			return replay(commitStory(scene), steps);
		case 'explain':
			return replay(explainStory(scene), steps);
		case 'edit':
			return replay(editStory(scene), steps);
	}
}

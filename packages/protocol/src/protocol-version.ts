/**
 * `v` of every frame at `/ws`. It stands for the envelope, and for payloads that only ever gain fields
 * and types, so programs that speak it go on over upgrades of the app.
 */
export const ENVELOPE_VERSION = 1;

/**
 * Version of everything in this package, which a runner names in `hello`. Bump it with every change of a schema (`protocol-version.test.ts` fails otherwise), and
 * say here what changed.
 *
 * 1: first version.
 * 2: a session says why its sandbox ended (`exitCause`, more causes) and that its runner, or its agent, does not
 *    answer (`unresponsive`, `runner.agent_silent`, `runner.agent_heard`); a session that does not answer can be resumed.
 *    A session says what its end waits for (`endingProblem`).
 *    A runner says that its outbox is full (`held_up`), and a session shows it (`heldUp`).
 *    Sessions are pinned, archived, renamed (`pinnedAt`, `archivedAt`), wait in line (`queuePosition`), and
 *    keep messages that can be edited and removed (`queued`).
 *    Commits, pushes and updates from base are asked for and shown (`gitAction`, `pushedCommit`).
 *    A session's commits are listed (`sessionCommits`), and the changes of one can be asked for (`commit`).
 *    What the last days used can be asked for (`usage`), and a branch's pull request (`pull`).
 *    Sessions say which orchestrator started them (`startedBy`), wrote to them (`fromSession`) and decided
 *    (`bySession`), and what they wait for (`wait`). The demo is started in one call (`demo`).
 *    Mode, model and effort of a session change while it runs (`configure`, `session.configured`,
 *    `runner.configuration_refused`), with more modes (`accept_edits`, `plan`); an agent says which commands and
 *    models it has (`runner.offered`); a plan's approval names the mode to go on in.
 *    Rules allow what a person need not be asked for: made with an answer (`remember`), kept by session (`rules`,
 *    `session.rules_changed`) and repo, named by the answers that they give (`byRules`). An agent proposes some and
 *    says where none may be. An answer keeps what was changed (`updatedInput`).
 *    A message goes into the turn that runs (`steer`, `runner.message_steered`), or to another place in the queue
 *    (`message.moved`). It has attachments.
 *    A session's files can be listed (`files`), and prompts be saved (`prompts`).
 */
export const PROTOCOL_VERSION = 2;

/** The oldest runner the manager still talks to: an upgrade of the app interrupts no session. */
export const OLDEST_RUNNER_VERSION = 1;

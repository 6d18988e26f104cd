/**
 * The name that the built-in demo model gives in every answer. Claude Code prices a turn by the model it
 * asked for, so whoever shows a cost looks at who answered: the demo model costs nothing.
 */
export const DEMO_MODEL_NAME = 'agent-manager-demo';

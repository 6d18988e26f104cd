import { all } from './filler/all.js';

/** Loads as much code as the app does, and does nothing with it. */
export const init = () => {
	globalThis[Symbol.for('bench.filler')] = all;
};

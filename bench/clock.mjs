/** One clock for every process of a run: epoch milliseconds with a fraction. */
export const nowMs = () => performance.timeOrigin + performance.now();

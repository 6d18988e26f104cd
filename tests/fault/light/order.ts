/**
 * What a light session is told, in its additional instructions: a runner that finds no order there
 * is the real one. Both are in the one file that a sandbox of the fault suite runs.
 */
import * as z from 'zod';

const orderSchema = z.object({
	seed: z.int(),
	/** Records in a second; 0: it says hello and waits. */
	rate: z.number().min(0),
	/** Of one record's text. */
	chars: z.int().min(0)
});
export type LightOrder = z.infer<typeof orderSchema>;

const MARK = 'light runner of the fault suite: ';

export const orderText = (order: LightOrder): string => MARK + JSON.stringify(order);

/** Null where there is no order, or one that can't be read. */
export const findOrder = (instructions: string): LightOrder | null => {
	const line = instructions.split('\n').find((it) => it.startsWith(MARK));
	return line === undefined ? null : orderSchema.parse(JSON.parse(line.slice(MARK.length)));
};

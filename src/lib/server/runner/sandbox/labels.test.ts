import { describe, expect, it } from 'vitest';
import { containerName, fromLabels, sameLabels, toLabels } from './labels.ts';

const labels = { instance: 'i', session: 's', epoch: 12 };

describe('labels', () => {
	it('come back as they were written', () => {
		expect(fromLabels(toLabels(labels))).toEqual(labels);
		expect(containerName('s')).toBe('agent-session-s');
	});

	it.each([
		null,
		undefined,
		{},
		{ ...toLabels(labels), 'agent-manager.instance': '' },
		{ ...toLabels(labels), 'agent-manager.session': undefined },
		{ ...toLabels(labels), 'agent-manager.epoch': '0' },
		{ ...toLabels(labels), 'agent-manager.epoch': '1e3' },
		{ ...toLabels(labels), 'agent-manager.epoch': '99999999999999999999' }
	])('are not ours when malformed: %j', (found) => {
		expect(fromLabels(found)).toBeNull();
	});

	it('are the same only when all three are', () => {
		expect(sameLabels(labels, { ...labels })).toBe(true);
		for (const change of [{ instance: 'x' }, { session: 'x' }, { epoch: 1 }]) {
			expect(sameLabels(labels, { ...labels, ...change })).toBe(false);
		}
	});
});

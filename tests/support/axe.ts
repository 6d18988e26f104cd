/**
 * What axe finds wrong within a part of a page, a line each; the rules in `without`, which a caller has a reason to
 * break, are left out. The colours of code are the syntax theme's own.
 */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';

export const axeFindings = async (
	page: Page,
	within: string,
	without: string[] = []
): Promise<string[]> => {
	const { violations } = await new AxeBuilder({ page })
		.include(within)
		.exclude('diffs-container')
		.disableRules(without)
		.analyze();
	return violations.flatMap(({ id, help, nodes }) =>
		nodes.map(({ target }) => `${id}: ${help} (${target.join(' ')})`)
	);
};

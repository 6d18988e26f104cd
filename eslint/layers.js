/**
 * The rule `layers/imports`: an import goes only where `layer-table.js` lets it. It reads names, not
 * types, so that it costs nothing.
 */
import { posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
	EXCEPTIONS,
	LAYERED,
	LAYERS,
	RESTRICTED,
	RESTRICTED_FILES,
	UNLAYERED
} from './layer-table.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} file Relative to the root. */
export function layerOf(file) {
	return LAYERS.find((layer) => layer.path.test(file));
}

/**
 * Where an import leads: a file of ours relative to the root, or null for a package.
 * @param {string} specifier
 * @param {string} from The importing file, relative to the root.
 */
export function resolveImport(specifier, from) {
	if (specifier.startsWith('#lib/')) return `src/lib/${specifier.slice('#lib/'.length)}`;
	const workspace = /^@agent-manager\/([\w-]+)\/(.+)$/.exec(specifier);
	if (workspace) return `packages/${workspace[1]}/src/${workspace[2]}`;
	if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
	return null;
}

/**
 * Why `from` may not import `specifier`, or null if it may.
 * @param {string} from Relative to the root.
 * @param {string} specifier
 * @returns {string | null}
 */
export function findViolation(from, specifier) {
	const layer = layerOf(from);
	if (!layer) return `${from} belongs to no layer: move it, or add it to eslint/layer-table.js.`;
	const target = resolveImport(specifier, from);
	return target === null
		? packageViolation(from, layer, specifier)
		: fileViolation(from, layer, target);
}

/**
 * @param {string} from
 * @param {import('./layer-table.js').Layer} layer
 * @param {string} specifier
 */
function packageViolation(from, layer, specifier) {
	// Made by SvelteKit for each app; which of them are for servers is checked by SvelteKit itself.
	if (specifier.startsWith('$')) return null;
	const restricted = RESTRICTED.find(({ module }) => module.test(specifier));
	if (restricted && !restricted.only.test(from)) {
		return `${specifier} may not be imported here: ${restricted.why}.`;
	}
	if (layer.packages && !layer.packages.test(specifier)) {
		return `The layer ${layer.name} may not import ${specifier}.`;
	}
	return null;
}

/**
 * @param {string} from
 * @param {import('./layer-table.js').Layer} layer
 * @param {string} target
 */
function fileViolation(from, layer, target) {
	const restricted = RESTRICTED_FILES.find(({ file }) => file.test(target));
	if (restricted && !restricted.only.test(from)) {
		return `${target} may not be imported here: ${restricted.why}.`;
	}
	// Generated beside the sources, and styles: no layer, no harm.
	if (target.endsWith('/$types') || target.endsWith('.css') || !LAYERED.test(target)) return null;
	const targetLayer = layerOf(target);
	if (!targetLayer || targetLayer === layer || layer.mayImport.includes(targetLayer.name)) {
		return null;
	}
	if (EXCEPTIONS.some((exception) => exception.from === from && exception.to === target))
		return null;
	return `The layer ${layer.name} may not import ${targetLayer.name} (${target}).`;
}

/** @type {import('eslint').Rule.RuleModule} */
const imports = {
	meta: {
		type: 'problem',
		docs: { description: 'Keep imports within the layers of eslint/layer-table.js.' },
		schema: [],
		messages: { violation: '{{words}}' }
	},
	create(context) {
		const from = relative(ROOT, context.filename).split(sep).join('/');
		if (!LAYERED.test(from) || UNLAYERED.test(from)) return {};
		/** @param {{ source?: any }} node */
		const check = ({ source }) => {
			if (typeof source?.value !== 'string') return;
			const words = findViolation(from, source.value);
			if (words) context.report({ node: source, messageId: 'violation', data: { words } });
		};
		return {
			ImportDeclaration: check,
			ExportNamedDeclaration: check,
			ExportAllDeclaration: check,
			ImportExpression: check,
			TSImportType: check
		};
	}
};

export default { rules: { imports } };

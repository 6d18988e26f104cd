/** A block as plain text, for the clipboard: what a person reads there. */
import { cleanText } from './clean-text.ts';
import { textAt } from './loose-json.ts';
import type { Block, ToolBlock } from './transcript-blocks.ts';

const textOfTool = ({ input, result }: ToolBlock): string => {
	const asked = textAt(input, 'command') ?? JSON.stringify(input, null, 2);
	return [asked, result ? cleanText(result.text) : ''].filter((part) => part !== '').join('\n\n');
};

/** Empty when there is nothing to copy. */
export const blockText = (block: Block): string => {
	switch (block.kind) {
		case 'user':
		case 'text':
		case 'thinking':
		case 'report':
		case 'divider':
			return block.text;
		case 'group':
			return block.children.map(textOfTool).join('\n\n');
		case 'tool':
			return textOfTool(block);
		case 'notice':
			return [block.title, block.detail, block.hint].filter((part) => part).join('\n');
		case 'request':
			return [block.title ?? block.toolName, JSON.stringify(block.input, null, 2)].join('\n\n');
		case 'retry':
			return block.reason;
		case 'commits':
			return block.head;
		case 'turn':
		case 'set_aside':
		case 'unknown':
			return '';
	}
};

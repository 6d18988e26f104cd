import { createHash } from 'node:crypto';
import { canonicalJson } from '../../src/lib/domain/canonical-json.ts';

/** Equal for equal facts, wherever they are read: in an outbox, a row or a frame. */
export const eventHash = ({
	source,
	type,
	payload
}: {
	source: string;
	type: string;
	payload: unknown;
}): string => createHash('sha1').update(canonicalJson({ source, type, payload })).digest('base64');

/** Another place for one of the messages that wait: before the one that is named, or last. */
export const moveInQueue = <T extends { commandId: string }>(
	queued: readonly T[],
	commandId: string,
	before: string | null
): T[] => {
	const moved = queued.find((message) => message.commandId === commandId);
	if (!moved || commandId === before) return [...queued];
	const others = queued.filter((message) => message !== moved);
	const at = others.findIndex((message) => message.commandId === before);
	return at < 0 ? [...others, moved] : [...others.slice(0, at), moved, ...others.slice(at)];
};

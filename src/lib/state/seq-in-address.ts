/** `?at=SEQ` of a session's address: the event that a link leads to. What is no number leads to the end. */
export const seqInAddress = ({ searchParams }: URL): number | null => {
	const at = searchParams.get('at') ?? '';
	return /^[1-9]\d{0,14}$/.test(at) ? Number(at) : null;
};

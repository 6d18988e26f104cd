/** A menu and the button that it hangs on. */
export class MenuState {
	open = $state(false);
	anchor = $state.raw<HTMLElement | null>(null);
}

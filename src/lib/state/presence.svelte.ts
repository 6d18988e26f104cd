/**
 * Whether somebody is at the page. What nobody sees before they have moved the pointer or pressed a key (menus,
 * dialogs, toasts) is loaded then: it is there when they get to it, and keeps nobody waiting who only looks.
 */
/** No `focusin`: the page itself gives the focus to its body when it has come. */
const SIGNS = ['pointermove', 'pointerdown', 'keydown', 'click', 'wheel'] as const;

class Presence {
	#noticed = $state(false);

	constructor() {
		const notice = (): void => {
			this.#noticed = true;
			for (const sign of SIGNS) removeEventListener(sign, notice, true);
		};
		for (const sign of SIGNS) addEventListener(sign, notice, { capture: true, passive: true });
	}

	/** Once it is so, it stays so. */
	get noticed(): boolean {
		return this.#noticed;
	}
}

export const presence = new Presence();

/**
 * Keeps a scroller at its end while its content grows. Only a person's own gesture ends that: a
 * wheel, a finger, a key or the scroll bar. Coming back to the end begins it again.
 */
import { tick, untrack } from 'svelte';
import type { Block } from '#lib/domain/transcript-blocks.ts';

/** This near to the end counts as the end, in pixels. */
const NEAR = 24;
/** How long after a gesture a scroll is its consequence: a flick on a phone rolls on. */
const GESTURE_MS = 1_200;
const SCROLL_KEYS = new Set(['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End', ' ']);
const UP_KEYS = new Set(['ArrowUp', 'PageUp', 'Home']);

const leadsUp = ({ key, shiftKey }: KeyboardEvent): boolean =>
	UP_KEYS.has(key) || (key === ' ' && shiftKey);

export class FollowBottom {
	following = $state(true);
	/** False while the list ends before the log does: its end is none to follow. */
	hasTail = true;
	/** Told of each gesture. */
	onGesture: () => void = () => undefined;
	#scroller: HTMLElement | null = null;
	#gestureAt = -Infinity;
	/** A gesture that the browser has not drawn anything after yet: on a slow machine its scroll is still to come. */
	#gestureFrame: number | null = null;
	#touching = false;
	/** The block that was last when the end was left. */
	#leftAt = $state<string | null>(null);
	#lastKey: string | null = null;

	/** Begins to watch; returns how to stop. */
	attach(scroller: HTMLElement): () => void {
		this.#scroller = scroller;
		const gesture = (): void => {
			this.#gestureFrame ??= requestAnimationFrame(() => {
				this.#gestureFrame = null;
				this.#gestureAt = performance.now();
				this.#stick();
			});
			this.onGesture();
		};
		const touch = (): void => {
			this.#touching = true;
			gesture();
		};
		const release = (): void => {
			this.#touching = false;
			gesture();
		};
		const key = (event: KeyboardEvent): void => {
			if (event.defaultPrevented || !SCROLL_KEYS.has(event.key)) return;
			gesture();
			if (leadsUp(event)) leaveAtOnce();
		};
		// Content that grows before the scroll event must not pull back.
		const leaveAtOnce = (): void => {
			if (scroller.scrollTop > 0) this.leave();
		};
		const wheel = (event: WheelEvent): void => {
			gesture();
			if (event.deltaY < 0) leaveAtOnce();
		};
		const drag = (event: PointerEvent): void => {
			if (event.buttons > 0) gesture();
		};
		const scrolled = (): void => this.#onScroll();
		const passive = { passive: true };
		scroller.addEventListener('wheel', wheel, passive);
		scroller.addEventListener('touchmove', touch, passive);
		scroller.addEventListener('touchend', release, passive);
		scroller.addEventListener('pointerdown', gesture, passive);
		scroller.addEventListener('pointermove', drag, passive);
		scroller.addEventListener('keydown', key);
		scroller.addEventListener('scroll', scrolled, passive);
		this.#stick();
		return () => {
			scroller.removeEventListener('wheel', wheel);
			scroller.removeEventListener('touchmove', touch);
			scroller.removeEventListener('touchend', release);
			scroller.removeEventListener('pointerdown', gesture);
			scroller.removeEventListener('pointermove', drag);
			scroller.removeEventListener('keydown', key);
			scroller.removeEventListener('scroll', scrolled);
			this.#forgetGesture();
			this.#scroller = null;
		};
	}

	/** Stays where it is, whatever comes. */
	leave(): void {
		if (!this.following) return;
		this.#leftAt = this.#lastKey;
		this.following = false;
	}

	/** Goes to the end and follows it again. */
	resume(): void {
		this.#forgetGesture();
		this.following = true;
		this.#leftAt = null;
		this.#stick();
	}

	#forgetGesture(): void {
		if (this.#gestureFrame !== null) cancelAnimationFrame(this.#gestureFrame);
		this.#gestureFrame = null;
		this.#gestureAt = -Infinity;
	}

	get #isGesture(): boolean {
		const isOpen = this.#touching || this.#gestureFrame !== null;
		return isOpen || performance.now() - this.#gestureAt < GESTURE_MS;
	}

	/** Rows or the view changed their size: once they are drawn, still before the paint. */
	resized(): void {
		if (this.following) void tick().then(() => this.#stick());
	}

	/** Takes note of the blocks that are there now. */
	see(blocks: Block[]): void {
		this.#lastKey = blocks.at(-1)?.key ?? null;
		if (untrack(() => this.following)) requestAnimationFrame(() => this.#stick());
	}

	/** How many of the blocks came since the end was left. */
	countNew(blocks: Block[]): number {
		if (this.following) return 0;
		for (let index = blocks.length - 1; index >= 0; index--) {
			if (blocks[index]?.key === this.#leftAt) return blocks.length - 1 - index;
		}
		return 0;
	}

	#stick(): void {
		const scroller = this.#scroller;
		if (!scroller || !this.following || this.#touching || this.#gestureFrame !== null) return;
		scroller.scrollTop = scroller.scrollHeight;
	}

	#onScroll(): void {
		const scroller = this.#scroller;
		if (!scroller) return;
		const rest = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
		if (rest <= NEAR && this.hasTail) {
			this.following = true;
			this.#leftAt = null;
		} else if (this.#isGesture) {
			this.leave();
		} else {
			this.#stick();
		}
	}
}

import { Signal, type Unsubscribe } from "./emitter.js";
import type { Frame } from "./wire.js";

const KNOWN_EVENTS_MAX = 4_096;

/** Who listens to which events, and which events have been heard. */
export class EventHub {
  readonly #known = new Set<string>();
  readonly #any = new Signal<Frame>();
  readonly #byType = new Map<string, Signal<Frame>>();

  on(type: string, listener: (frame: Frame) => void): Unsubscribe {
    let signal = this.#byType.get(type);
    if (!signal) {
      signal = new Signal();
      this.#byType.set(type, signal);
    }
    return signal.on(listener);
  }

  onAny(listener: (frame: Frame) => void): Unsubscribe {
    return this.#any.on(listener);
  }

  has({ event_id }: Frame): boolean {
    return event_id !== undefined && this.#known.has(event_id);
  }

  /** Counts as heard from now on; the oldest are forgotten. */
  note({ event_id }: Frame): void {
    if (event_id === undefined) return;
    this.#known.add(event_id);
    if (this.#known.size <= KNOWN_EVENTS_MAX) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      break;
    }
  }

  emit(frame: Frame): void {
    this.#byType.get(frame.type)?.emit(frame);
    this.#any.emit(frame);
  }
}

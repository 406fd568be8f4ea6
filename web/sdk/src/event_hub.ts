import { Signal, type Unsubscribe } from "./emitter.js";
import type { Frame } from "./wire.js";

const KNOWN_EVENTS_MAX = 4_096;
/** Who hears every event listens to a type that no event has. */
const ANY = "";

/** Who listens to which events, and which events have been heard. */
export class EventHub {
  readonly #known = new Set<string | undefined>();
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
    return this.on(ANY, listener);
  }

  has({ event_id }: Frame): boolean {
    return this.#known.has(event_id);
  }

  /** Counts as heard from now on; the oldest are forgotten. */
  note({ event_id }: Frame): void {
    if (event_id !== undefined) this.#known.add(event_id);
    const [oldest] = this.#known;
    if (this.#known.size > KNOWN_EVENTS_MAX) this.#known.delete(oldest);
  }

  emit(frame: Frame): void {
    for (const type of [frame.type, ANY]) this.#byType.get(type)?.emit(frame);
  }
}

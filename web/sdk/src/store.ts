import { Signal, type Unsubscribe } from "./emitter.js";

/**
 * A value that changes, in the shape that UI libraries take, React's useSyncExternalStore among them: `getSnapshot` gives
 * the same object until it has changed, `subscribe` tells that it has. Both work when they are passed on by themselves.
 */
export interface Store<T> {
  readonly getSnapshot: () => T;
  readonly subscribe: (onChange: () => void) => Unsubscribe;
}

/** A store whose value is made when it is asked for after a change. */
export class DerivedStore<T> implements Store<T> {
  readonly #changed = new Signal<void>();
  #made: { value: T } | undefined;
  readonly #make: () => T;

  constructor(make: () => T) {
    this.#make = make;
  }

  readonly getSnapshot = (): T => {
    this.#made ??= { value: this.#make() };
    return this.#made.value;
  };

  readonly subscribe = (onChange: () => void): Unsubscribe => this.#changed.on(onChange);

  change(): void {
    this.#made = undefined;
    this.#changed.emit();
  }
}

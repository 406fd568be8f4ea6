import type { Unsubscribe } from "./emitter.js";

export interface PageListener {
  /** The page is back, or its network: what was connected may be dead, and what waits need not. */
  onWake: () => void;
  /** The page is left: kept for later it would not be with an open socket, and otherwise it is over. */
  onLeave: () => void;
}

/** Hears what a page goes through that its connection does not tell in time. Where there is no page, nothing happens. */
export function watchPage({ onWake, onLeave }: PageListener): Unsubscribe {
  const listeners: Record<string, (event: Event) => void> = {
    online: onWake,
    offline: onWake,
    visibilitychange: () => {
      if (globalThis.document?.visibilityState === "visible") onWake();
    },
    pagehide: onLeave,
    pageshow: (event) => {
      if ((event as PageTransitionEvent).persisted) onWake();
    },
  };
  const watching = new AbortController();
  const { signal } = watching;
  for (const [type, listener] of Object.entries(listeners)) globalThis.addEventListener?.(type, listener, { signal });
  return () => watching.abort();
}

export interface BackoffOptions {
  minMs: number;
  maxMs: number;
  random: () => number;
}

/** Anything up to a step that doubles with each attempt, so that clients who lost a server together return one by one. */
export function backoffMs(attempt: number, { minMs, maxMs, random }: BackoffOptions): number {
  return random() * Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
}

export interface BackoffOptions {
  minMs: number;
  maxMs: number;
  random: () => number;
}

/** Exponential, with the upper half of each step random, so that many clients do not return at once. */
export function backoffMs(attempt: number, { minMs, maxMs, random }: BackoffOptions): number {
  const step = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  return step / 2 + (step / 2) * random();
}

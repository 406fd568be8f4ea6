import { dayOf } from "./format.js";
import { text } from "./texts.js";

/** Entries by their day, as they come. */
export function daysOf<T>(entries: readonly T[], at: (entry: T) => string): [day: string, entries: T[]][] {
  const days = new Map<string, T[]>();
  for (const entry of entries) {
    const day = dayOf(at(entry));
    days.set(day, [...(days.get(day) ?? []), entry]);
  }
  return [...days];
}

export function dayWords(day: string): string {
  const now = new Date();
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (day === dayOf(now.toISOString())) return text.wallet.today;
  return day === dayOf(yesterday.toISOString()) ? text.wallet.yesterday : day;
}

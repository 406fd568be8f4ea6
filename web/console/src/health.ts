import type { Tone } from "./elements/parts.js";
import { ageMs, count, duration } from "./format.js";
import { text } from "./texts.js";
import type { Group, Members, Money, OutboxPartition } from "./types.js";

/** How something stands, at a glance. */
export interface Health {
  tone: Exclude<Tone, "plain">;
  figure: string;
  words: string;
}

const LAG_WARN = 1_000;
const LAG_BAD = 20_000;
const UNPUBLISHED_WARN_MS = 10_000;
const UNPUBLISHED_BAD_MS = 60_000;
const SILENT_WARN_MS = 30_000;

export function lagHealth(groups: readonly Group[]): Health {
  const [worst] = groups.toSorted((a, b) => b.lag - a.lag);
  const lag = worst?.lag ?? 0;
  const tone = lag >= LAG_BAD ? "bad" : lag >= LAG_WARN ? "warn" : "good";
  const words = lag === 0 || !worst ? text.overview.allRead : text.overview.furthestBehind(worst.group);
  return { tone, figure: count(lag), words };
}

export function outboxHealth(partitions: readonly OutboxPartition[], now = Date.now()): Health {
  const backlog = partitions.reduce((sum, partition) => sum + partition.backlog, 0);
  const oldestMs = Math.max(
    0,
    ...partitions.map(({ oldest_unpublished_at }) => ageMs(oldest_unpublished_at, now) ?? 0),
  );
  const tone = oldestMs >= UNPUBLISHED_BAD_MS ? "bad" : oldestMs >= UNPUBLISHED_WARN_MS ? "warn" : "good";
  const words = backlog === 0 ? text.overview.allPublished : text.overview.oldest(duration(oldestMs));
  return { tone, figure: count(backlog), words };
}

export function deadLetterHealth(waiting: number, hasMore: boolean): Health {
  const words = waiting === 0 ? text.overview.noDeadLetters : text.overview.deadLettersWait;
  return { tone: waiting === 0 ? "good" : "warn", figure: hasMore ? `${count(waiting)}+` : count(waiting), words };
}

export function memberHealth({ gateways, owners }: Members, now = Date.now()): Health {
  const sockets = gateways.reduce((sum, { sockets }) => sum + (sockets ?? 0), 0);
  const unowned = owners.filter(({ owner }) => !owner);
  const silent = gateways.filter(({ last_heard_at }) => (ageMs(last_heard_at, now) ?? 0) > SILENT_WARN_MS);
  const figure = count(sockets);
  if (unowned.length > 0) return { tone: "bad", figure, words: text.overview.unowned(unowned.length) };
  if (gateways.length === 0) return { tone: "bad", figure, words: text.members.noGateways };
  if (silent.length > 0) return { tone: "warn", figure, words: text.overview.silent(silent.length) };
  return { tone: "good", figure, words: text.overview.gateways(gateways.length) };
}

export function moneyHealth(money: Money): Health {
  const { difference_cents: difference } = money;
  const tone = difference === 0 ? "good" : "bad";
  return {
    tone,
    figure: count(difference),
    words: difference === 0 ? text.overview.booksBalance : text.overview.booksDiffer,
  };
}

export { money } from "../../play/src/format.js";

const WHOLE = new Intl.NumberFormat("en");

/** `1234567` as `1,234,567`. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : WHOLE.format(value);
}

/** `0.25` as `0.25`, `12.345` as `12.3`, `1234` as `1,234`. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value === 0 || value >= 100) return WHOLE.format(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** `1536` as `1.5 KiB`. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [amount, unit] = [value, 0];
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(amount >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** `90_061_000` as `1 d 1 h`, `1500` as `1.5 s`, `12` as `12 ms`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms < 1) return ms === 0 ? "0 ms" : `${ms.toFixed(2)} ms`;
  if (ms < 1_000) return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const parts: [number, string][] = [
    [Math.floor(ms / 86_400_000), "d"],
    [Math.floor(ms / 3_600_000) % 24, "h"],
    [Math.floor(ms / 60_000) % 60, "min"],
    [Math.floor(ms / 1_000) % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

/** In UTC, as logs have it: `18:04:59.123` of today, `2026-01-01 18:04:59` of another day. */
export function time(timestamp: string | null | undefined, now = Date.now()): string {
  if (!timestamp) return "–";
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) return timestamp;
  const text = at.toISOString();
  const isToday = text.slice(0, 10) === new Date(now).toISOString().slice(0, 10);
  return isToday ? text.slice(11, 23) : `${text.slice(0, 10)} ${text.slice(11, 19)}`;
}

/** `2026-01-31T18:04:59Z` as `18:04`, in UTC. */
export function clock(timestamp: string | null | undefined): string {
  const at = new Date(timestamp ?? "");
  return Number.isNaN(at.getTime()) ? "" : at.toISOString().slice(11, 16);
}

/** How long ago, in words: `3 s ago`. */
export function ago(timestamp: string | null | undefined, now = Date.now()): string {
  const ms = ageMs(timestamp, now);
  return ms === undefined ? "–" : ms < 1_000 ? "now" : `${duration(ms)} ago`;
}

/** How old, in milliseconds; clocks that differ make nothing younger than now. */
export function ageMs(timestamp: string | null | undefined, now = Date.now()): number | undefined {
  const at = timestamp ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, now - at);
}

/** The beginning and the end of a long id, by which people tell ids apart: those of one time begin alike. */
export function short(id: string): string {
  return id.length <= 14 ? id : `${id.slice(0, 4)}…${id.slice(-6)}`;
}

/** An account by its kind, and what tells it from others of that kind. */
export function account(name: string): string {
  const [kind = "", ...rest] = name.split("/");
  return rest.length === 0 ? kind : `${kind}/${short(rest.join("/"))}`;
}

/** An event's fields without those that stand beside it anyway. */
export function gist(summary: string): string {
  return summary.replace(/^\{"type":"[^"]*",?/, "{").replace(/^\{"room_id":"[^"]*",?/, "{");
}

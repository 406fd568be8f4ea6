const SYMBOLS: Readonly<Record<string, string>> = { eur: "€", usd: "$", gbp: "£" };

/** How many digits stand behind the point. */
function digitsOf(currency: string): number {
  try {
    const format = new Intl.NumberFormat("en", { style: "currency", currency: currency.toUpperCase() });
    return format.resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    // A code that is no currency (demo money) is written with two digits.
    return 2;
  }
}

/** As it stands before or behind an amount. */
export function symbolOf(currency: string): string {
  return SYMBOLS[currency] ?? currency.toUpperCase();
}

/** `5600, "eur"` as `56.00 €`, with a space that does not break. */
export function money(cents: number, currency: string): string {
  return `${plainAmount(cents, currency, true)}\u00a0${symbolOf(currency)}`;
}

/** The same with a sign, also of what is above 0. */
export function change(cents: number, currency: string): string {
  return `${cents < 0 ? "−" : "+"}${money(Math.abs(cents), currency)}`;
}

/** `560000, "eur"` as `5600.00`, as it stands in a field. */
export function plainAmount(cents: number, currency: string, useGrouping = false): string {
  const digits = digitsOf(currency);
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping };
  return new Intl.NumberFormat("en", format).format(cents / 10 ** digits);
}

/** What was written into a field, in minor units: `20`, `20.5` or `20,50 €`. Undefined where it is no amount. */
export function centsOf(written: string, currency: string): number | undefined {
  const digits = digitsOf(currency);
  const parts = /^(\d{1,9})(?:[.,](\d{1,4}))?$/.exec(written.replace(symbolOf(currency), "").trim());
  if (!parts) return undefined;
  const [, whole, fraction = ""] = parts;
  if (fraction.length > digits) return undefined;
  return Number(whole) * 10 ** digits + Number(fraction.padEnd(digits, "0") || "0");
}

/** Two signs that tell names apart: `Ada Lovelace` is AL, `Guest 12` is G2, `ada` is AD. */
export function initials(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  const first = [...(words[0] ?? "?")];
  const last = words.length > 1 ? [...(words.at(-1) ?? "")] : [];
  const second = last.length === 0 ? first[1] : /\p{N}/u.test(last.at(-1) ?? "") ? last.at(-1) : last[0];
  return `${first[0]}${second ?? ""}`.toUpperCase();
}

/** `2026-01-01T18:04:59Z` as `18:04`, where the browser is. */
export function timeOfDay(timestamp: string): string {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) return "";
  return at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** `2026-01-01T18:04:59Z` as `1 January 2026`, where the browser is. */
export function dayOf(timestamp: string): string {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) return "";
  return at.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

/** `2026-01-01T18:04:59Z` as `1 January 2026, 18:04`. */
export function dayAndTime(timestamp: string): string {
  return `${dayOf(timestamp)}, ${timeOfDay(timestamp)}`;
}

/** `59` as `59s`, `600` as `10:00`. */
export function timeLeft(seconds: number): string {
  if (seconds < 100) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

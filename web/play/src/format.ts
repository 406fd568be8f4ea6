const SYMBOLS: Readonly<Record<string, string>> = { eur: "€", usd: "$", gbp: "£" };

/** `5600, "eur"` as `56.00 €`, with a space that does not break. */
export function money(cents: number, currency: string): string {
  const code = currency.toUpperCase();
  let digits = 2;
  try {
    digits =
      new Intl.NumberFormat("en", { style: "currency", currency: code }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    // A code that is no currency (demo money) is written with two digits.
  }
  const amount = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
    cents / 10 ** digits,
  );
  return `${amount}\u00a0${SYMBOLS[currency] ?? code}`;
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

/** `59` as `59s`, `600` as `10:00`. */
export function timeLeft(seconds: number): string {
  if (seconds < 100) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

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

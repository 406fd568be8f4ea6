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

export function initials(name: string): string {
  return [...name.trim()].slice(0, 2).join("").toUpperCase() || "?";
}

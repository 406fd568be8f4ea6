import type { Setting } from "./types.js";

/** What was written as a setting's value, as the kind of value that the setting has now. */
export function settingValue(written: string, { value }: Pick<Setting, "value">): unknown {
  const plain = written.trim();
  if (typeof value === "number" && plain !== "" && Number.isFinite(Number(plain))) return Number(plain);
  if (typeof value === "boolean" && (plain === "true" || plain === "false")) return plain === "true";
  if (typeof value === "object" && value !== null) {
    try {
      return JSON.parse(plain);
    } catch {
      // The server says what it takes.
      return plain;
    }
  }
  return plain;
}

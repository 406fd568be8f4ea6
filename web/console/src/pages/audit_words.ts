import type { Tone } from "../elements/parts.js";
import { text } from "../texts.js";
import type { Audit } from "../types.js";

/** What the last audit came to. */
export function auditWords({ state, is_clean, findings, error }: Audit): { words: string; tone: Tone } {
  if (state === "running") return { words: text.audit.running, tone: "plain" };
  if (state === "failed" || error) return { words: text.audit.failed, tone: "bad" };
  if (is_clean) return { words: text.audit.clean, tone: "good" };
  if (is_clean === false) return { words: text.audit.found(findings.length), tone: "bad" };
  return { words: text.audit.never, tone: "warn" };
}

import { ApiProblem } from "@blazing-sun/client";
import { NoAmount } from "./money.js";
import { text } from "./texts.js";

/** What an operator is told of an error: operators get the server's own words, which name what was wrong. */
export function wordsFor(error: unknown): string {
  if (error instanceof NoAmount) return error.message;
  if (!(error instanceof ApiProblem)) return text.unreachable;
  return text.problems[error.code] ?? `${error.message} (${error.code})`;
}

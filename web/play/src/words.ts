import { ApiProblem, Refusal } from "@blazing-sun/client";
import { OFFLINE, REFUSALS } from "./texts.js";

/** What a player is told of an error. */
export function wordsFor(error: unknown): string {
  if (error instanceof Refusal || error instanceof ApiProblem) return REFUSALS[error.code] ?? error.message;
  return OFFLINE;
}

import { centsOf as readCents } from "../../play/src/format.js";
import { text } from "./texts.js";

/** What was meant as an amount is wrong. */
export class NoAmount extends Error {
  constructor() {
    super(text.player.noAmount);
    this.name = "NoAmount";
  }
}

/** Minor units of what was written; throws where it is no amount above 0. */
export function centsOf(written: string, currency: string): number {
  const cents = readCents(written, currency);
  if (cents === undefined || cents === 0) throw new NoAmount();
  return cents;
}

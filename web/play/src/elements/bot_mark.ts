import { html, nothing, type TemplateResult } from "lit";
import { text } from "../texts.js";

/** Beside the name of a player who is no person. */
export function botMark(isBot: boolean | undefined): TemplateResult | typeof nothing {
  return isBot
    ? html`<span class="chip bot" data-testid="bot-mark" title=${text.botMeans}>${text.bot}<span class="unseen">, ${text.botMeans}</span></span>`
    : nothing;
}

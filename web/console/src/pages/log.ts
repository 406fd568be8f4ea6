import { html, type TemplateResult } from "lit";
import { jsonText } from "../commands.js";
import { listed } from "../elements/element.js";
import { chip, heading, moment, playerLink, roomLink, table } from "../elements/parts.js";
import { Paged } from "../paged.js";
import { text } from "../texts.js";
import type { LogEntries, LogEntry } from "../types.js";
import { Page } from "./page.js";

/** Who did what, when and why: nothing in it can be changed. */
export class OperatorsLog extends Page {
  private asked: string | undefined;
  private readonly entries = new Paged<LogEntry>(this, async (cursor, signal) => {
    const { query } = this.console;
    const asked = { cursor, operator: query.get("operator") ?? undefined, action: query.get("action") ?? undefined };
    const page = await this.console.api.get<LogEntries>("log", asked, signal);
    return { items: page.entries, next: page.next_cursor };
  });

  protected override willUpdate(): void {
    const asked = this.console.query.toString();
    if (this.asked !== undefined && this.asked !== asked) void this.entries.reset();
    this.asked = asked;
  }

  protected content(): TemplateResult {
    const { query } = this.console;
    return html`${heading(text.nav.log)}
      <form class="card filters" @submit=${this.submit}>
        <label>${text.log.operator}<input name="operator" .value=${query.get("operator") ?? ""} autocomplete="off" data-testid="log-operator" /></label>
        <label>${text.log.action}<input name="action" .value=${query.get("action") ?? ""} autocomplete="off" data-testid="log-action" /></label>
        <div class="row"><button class="primary">${text.messages.search}</button></div>
      </form>
      ${listed(this.entries, text.log.none, (entries) =>
        table(
          text.nav.log,
          [
            { name: text.log.number, draw: ({ id }) => id, isNumber: true },
            { name: text.messages.at, draw: ({ at }) => moment(at) },
            {
              name: text.log.operator,
              draw: ({ operator }) => (/^\d+$/.test(operator) ? playerLink(operator) : operator),
            },
            {
              name: text.log.action,
              draw: ({ action }) => html`<span class="mono" data-testid="log-entry">${action}</span>`,
            },
            { name: text.log.target, draw: target },
            { name: text.log.outcome, draw: ({ outcome }) => chip(outcome, outcome === "failed" ? "bad" : "plain") },
            { name: text.log.detail, draw: detail, isLong: true },
          ],
          entries,
        ),
      )}`;
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    this.ask({
      operator: String(fields.get("operator") ?? "").trim(),
      action: String(fields.get("action") ?? "").trim(),
    });
  };
}

function target({ action, target }: LogEntry): unknown {
  if (!target) return "–";
  if (/^(user|player)/.test(action) && /^\d+$/.test(target)) return playerLink(target);
  return /^room/.test(action) ? roomLink(target) : html`<span class="mono">${target}</span>`;
}

function detail({ detail }: LogEntry): unknown {
  if (detail === null || detail === undefined) return "";
  const { reason, asked, ...more } = detail as { reason?: unknown; asked?: unknown };
  const rest = Object.keys(more).length === 0 ? "" : jsonText(more).replaceAll(/\s+/g, " ");
  const parts = [typeof reason === "string" ? reason : "", typeof asked === "number" ? text.log.of(asked) : "", rest];
  const words = parts.filter((part) => part !== "").join(" · ");
  return html`<span title=${jsonText(detail)}>${words.length > 80 ? `${words.slice(0, 80)}…` : words}</span>`;
}

customElements.define("bc-log", OperatorsLog);

import { html, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import { chip, facts, heading, moment, table } from "../elements/parts.js";
import { count } from "../format.js";
import { outboxHealth } from "../health.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { Outbox } from "../types.js";
import { Page } from "./page.js";

export class OutboxPage extends Page {
  private readonly outbox = new Remote<Outbox>(this, (signal) => this.console.api.get("outbox", {}, signal), 5_000);

  protected content(): TemplateResult {
    return html`${heading(text.nav.outbox)}<p class="soft">${text.outbox.lead}</p>
      ${shown(this.outbox, ({ partitions }) => {
        if (partitions.length === 0) return html`<p class="empty">${text.outbox.none}</p>`;
        const { figure, tone, words } = outboxHealth(partitions);
        return html`<section class="card">${facts([
          { name: text.outbox.backlog, value: html`<strong class="number">${figure}</strong>` },
          { name: text.money.verdict, value: chip(words, tone) },
        ])}</section>
        ${table(
          text.nav.outbox,
          [
            { name: text.topics.partition, draw: ({ partition }) => partition, isNumber: true },
            { name: text.members.owner, draw: ({ owner }) => html`<span class="mono">${owner ?? "–"}</span>` },
            { name: text.members.epoch, draw: ({ epoch }) => count(epoch), isNumber: true },
            { name: text.outbox.committed, draw: ({ committed }) => count(committed), isNumber: true },
            { name: text.outbox.published, draw: ({ published_upto }) => count(published_upto), isNumber: true },
            {
              name: text.outbox.backlog,
              draw: ({ backlog }) => (backlog > 0 ? chip(count(backlog), "warn") : count(backlog)),
              isNumber: true,
            },
            { name: text.outbox.oldest, draw: ({ oldest_unpublished_at }) => moment(oldest_unpublished_at) },
          ],
          partitions,
        )}`;
      })}`;
  }
}

customElements.define("bc-outbox", OutboxPage);

import { css, html, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import { chip, heading, moment } from "../elements/parts.js";
import { ui } from "../elements/ui.js";
import { money } from "../format.js";
import { deadLetterHealth, type Health, lagHealth, memberHealth, moneyHealth, outboxHealth } from "../health.js";
import { Remote } from "../remote.js";
import { type PlainPage, pathOf } from "../routes.js";
import { text } from "../texts.js";
import type { Audit, DeadLetters, Groups, Members, Money, Outbox } from "../types.js";
import { auditWords } from "./audit_words.js";
import { Page } from "./page.js";

const EVERY_MS = 10_000;

/** Whether all is well, and if not, where to look. */
export class Overview extends Page {
  private readonly groups = this.remote<Groups>("groups");
  private readonly outbox = this.remote<Outbox>("outbox");
  private readonly dead = this.remote<DeadLetters>("dead-letters", {
    state: "waiting",
  });
  private readonly members = this.remote<Members>("members");
  private readonly money = this.remote<Money>("money");
  private readonly audit = this.remote<Audit>("money/audit");

  private remote<T>(path: string, query = {}): Remote<T> {
    return new Remote<T>(this, (signal) => this.console.api.get(path, query, signal), EVERY_MS);
  }

  protected content(): TemplateResult {
    return html`
      ${heading(text.nav.overview)}
      <div class="tiles">
        ${this.tile("groups", text.overview.lag, this.groups, ({ groups }) => lagHealth(groups))}
        ${this.tile("outbox", text.overview.outbox, this.outbox, ({ partitions }) => outboxHealth(partitions))}
        ${this.tile("dead-letters", text.overview.deadLetters, this.dead, (dead) =>
          deadLetterHealth(dead.dead_letters.length, Boolean(dead.next_cursor)),
        )}
        ${this.tile("members", text.overview.sockets, this.members, (members) => memberHealth(members))}
        ${this.tile("money", text.overview.difference, this.money, (books) => ({
          ...moneyHealth(books),
          figure: money(books.difference_cents, books.currency),
        }))}
        ${this.auditTile()}
      </div>
      <section class="card stack hints">
        <h2>${text.overview.howTo}</h2>
        <ol>${text.overview.steps.map((step) => html`<li>${step}</li>`)}</ol>
      </section>`;
  }

  private auditTile(): TemplateResult {
    return html`<section class="card tile" data-testid="tile-audit">
      <h2><a href=${pathOf({ page: "money" })}>${text.overview.audit}</a></h2>
      ${shown(this.audit, (audit) => {
        const { words, tone } = auditWords(audit);
        return html`<p class="figure">${chip(words, tone)}</p><p class="soft">${moment(audit.finished_at)}</p>`;
      })}
    </section>`;
  }

  private tile<T>(page: PlainPage, title: string, remote: Remote<T>, of: (data: T) => Health): TemplateResult {
    return html`<section class="card tile" data-testid=${`tile-${page}`}>
      <h2><a href=${pathOf({ page })}>${title}</a></h2>
      ${shown(remote, (data) => {
        const { tone, figure, words } = of(data);
        return html`<p class="figure number" data-tone=${tone}>${figure}</p><p>${chip(text.tones[tone], tone)} <span class="soft">${words}</span></p>`;
      })}
    </section>`;
  }

  static override styles = [
    ui,
    css`
      .tiles {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(11rem, 100%), 1fr));
        gap: var(--space-3);
      }
      .tile {
        display: grid;
        gap: var(--space-2);
        align-content: start;
      }
      .figure {
        font-size: 1.7rem;
        font-weight: 700;
        line-height: 1.2;
      }
      [data-tone="bad"] {
        color: var(--bad);
      }
      [data-tone="warn"] {
        color: var(--warn);
      }
      .hints ol {
        display: grid;
        gap: var(--space-1);
        padding-left: 1.4em;
        list-style: decimal;
      }
    `,
  ];
}

customElements.define("bc-overview", Overview);

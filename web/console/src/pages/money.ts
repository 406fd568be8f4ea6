import { css, html, nothing, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import "../elements/json_view.js";
import { chip, facts, heading, moment, table } from "../elements/parts.js";
import { ui } from "../elements/ui.js";
import { count, money } from "../format.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { Audit, Money } from "../types.js";
import { wordsFor } from "../words.js";
import { auditWords } from "./audit_words.js";
import { Page } from "./page.js";

const WHILE_RUNNING_MS = 1_000;

export class MoneyPage extends Page {
  private readonly money = new Remote<Money>(this, (signal) => this.console.api.get("money", {}, signal), 10_000);
  private readonly audit = new Remote<Audit>(this, (signal) => this.lastAudit(signal));
  private timer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  private async lastAudit(signal: AbortSignal): Promise<Audit> {
    const audit = await this.console.api.get<Audit>("money/audit", {}, signal);
    clearTimeout(this.timer);
    if (audit.state === "running") this.timer = setTimeout(() => void this.audit.reload(), WHILE_RUNNING_MS);
    return audit;
  }

  protected content(): TemplateResult {
    return html`${heading(text.nav.money)}
      ${shown(this.money, (books) => this.books(books))}
      <div class="row"><h2 class="grow">${text.audit.title}</h2>
        <button data-testid="start-audit" aria-disabled=${this.audit.data?.state === "running"} @click=${this.start}>${text.audit.start}</button></div>
      ${shown(this.audit, (audit) => this.audited(audit))}`;
  }

  private books({ accounts, difference_cents, currency, is_test_money, moved_today }: Money): TemplateResult {
    const moved = moved_today ?? [];
    return html`
      <section class=${`card difference ${difference_cents === 0 ? "good" : "bad"}`} data-testid="difference" data-cents=${difference_cents}>
        ${facts([
          {
            name: text.money.difference,
            value: html`<strong class="figure number">${money(difference_cents, currency)}</strong>`,
          },
          {
            name: text.money.verdict,
            value:
              difference_cents === 0
                ? chip(text.overview.booksBalance, "good")
                : chip(text.overview.booksDiffer, "bad"),
          },
          { name: text.money.what, value: is_test_money === false ? text.money.real : text.money.test },
        ])}
      </section>
      <h2>${text.money.accounts}</h2>
      ${table(
        text.money.accounts,
        [
          { name: text.money.kind, draw: ({ kind }) => text.money.kinds[kind] ?? kind },
          { name: text.money.number, draw: (account) => count(account.accounts), isNumber: true },
          { name: text.money.sum, draw: ({ sum_cents }) => money(sum_cents, currency), isNumber: true },
        ],
        accounts,
      )}
      <h2>${text.money.today}</h2>
      ${
        moved.length === 0
          ? html`<p class="empty">${text.money.nothingToday}</p>`
          : table(
              text.money.today,
              [
                { name: text.money.kind, draw: ({ kind }) => kind },
                { name: text.money.transfers, draw: ({ transfers }) => count(transfers), isNumber: true },
                { name: text.money.amount, draw: ({ amount_cents }) => money(amount_cents, currency), isNumber: true },
              ],
              moved,
            )
      }`;
  }

  private audited(audit: Audit): TemplateResult {
    const { words, tone } = auditWords(audit);
    const { progress, findings } = audit;
    return html`<section class="card stack" data-testid="audit" data-state=${audit.state ?? ""} data-tone=${tone}>
      <p class="row" role="status">${chip(words, tone)}
        ${audit.started_at ? html`<span class="soft">${text.audit.began} ${moment(audit.started_at)}</span>` : nothing}
        ${audit.finished_at ? html`<span class="soft">${text.audit.ended} ${moment(audit.finished_at)}</span>` : nothing}</p>
      ${
        audit.state === "running"
          ? html`<label>${progress?.what ?? text.audit.running}
            <progress max=${progress?.total ?? nothing} .value=${progress?.done ?? 0}></progress></label>`
          : nothing
      }
      ${audit.error ? html`<p class="problem">${audit.error}</p>` : nothing}
      ${findings && findings.length > 0 ? html`<bc-json .value=${findings} .label=${text.audit.findings}></bc-json>` : nothing}
      ${audit.checked ? html`<bc-json .value=${audit.checked} .label=${text.audit.checked}></bc-json>` : nothing}
    </section>`;
  }

  private readonly start = async () => {
    if (this.audit.data?.state === "running") return;
    try {
      await this.console.api.post("money/audit");
      this.console.announce(text.audit.running);
    } catch (error) {
      this.console.tell("bad", wordsFor(error));
    }
    await this.audit.reload();
  };

  static override styles = [
    ui,
    css`
      .figure {
        font-size: 1.5rem;
      }
      .difference.bad .figure,
      .problem {
        color: var(--bad);
      }
      progress {
        width: 100%;
        accent-color: var(--sun-2);
      }
    `,
  ];
}

customElements.define("bc-money", MoneyPage);

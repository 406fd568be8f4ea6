import { css, html, nothing, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
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

/** Without a number it moves, and says that there is none. */
function progressed(percent: number | null | undefined): TemplateResult {
  if (percent === null || percent === undefined) return html`<progress aria-label=${text.audit.running}></progress>`;
  return html`<p class="row"><progress aria-label=${text.audit.running} max="100" .value=${percent}></progress><span>${percent} %</span></p>`;
}

export class MoneyPage extends Page {
  private readonly money = new Remote<Money>(this, (signal) => this.console.api.get("money", {}, signal), 10_000);
  private readonly audit = new Remote<Audit>(this, (signal) => this.lastAudit(signal));
  private timer: ReturnType<typeof setTimeout> | undefined;
  private begun: Audit | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  /** Each process knows of its own audits alone: until the one that was begun here is told of, it is being made. */
  private async lastAudit(signal: AbortSignal): Promise<Audit> {
    const answer = await this.console.api.get<Audit>("money/audit", {}, signal);
    const isOther = this.begun !== undefined && (answer.started_at ?? "") < (this.begun.started_at ?? "");
    const audit = isOther && this.begun ? this.begun : answer;
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
    const { findings, checked } = audit;
    return html`<section class="card stack" data-testid="audit" data-state=${audit.state} data-tone=${tone}>
      <p class="row" role="status">${chip(words, tone)}
        ${audit.started_at ? html`<span class="soft">${text.audit.began} ${moment(audit.started_at)}</span>` : nothing}
        ${audit.finished_at ? html`<span class="soft">${text.audit.ended} ${moment(audit.finished_at)}</span>` : nothing}</p>
      ${audit.state === "running" ? progressed(audit.progress_percent) : nothing}
      ${audit.error ? html`<p class="problem">${audit.error}</p>` : nothing}
      ${findings.length > 0 ? html`<h3>${text.audit.findings}</h3><ul>${findings.map((each) => html`<li class="problem">${each}</li>`)}</ul>` : nothing}
    </section>
    ${
      checked.length === 0
        ? nothing
        : table(
            text.audit.checked,
            [
              { name: text.audit.checked, draw: ({ name }) => name, isLong: true },
              { name: text.audit.lookedAt, draw: ({ looked_at }) => count(looked_at), isNumber: true },
              {
                name: text.audit.differences,
                draw: ({ differences }) => (differences > 0 ? chip(count(differences), "bad") : count(differences)),
                isNumber: true,
              },
            ],
            checked,
          )
    }`;
  }

  private readonly start = async () => {
    if (this.audit.data?.state === "running") return;
    try {
      this.begun = await this.console.api.post<Audit>("money/audit");
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

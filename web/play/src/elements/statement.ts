import type { Transaction } from "@blazing-sun/client";
import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { daysOf, dayWords } from "../days.js";
import { change, timeOfDay } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import { PlayElement } from "./element.js";

/** What has moved the balance, the newest first, in pages. */
export class Statement extends PlayElement {
  static override properties: PropertyDeclarations = {
    entries: { state: true },
    cursor: { state: true },
    isReading: { state: true },
    problem: { state: true },
  };
  declare private entries: readonly Transaction[] | undefined;
  /** Where older ones are. */
  declare private cursor: string | null;
  declare private isReading: boolean;
  declare private problem: string;
  private userId: string | undefined;
  /** Of the money that the entries are about. */
  private version = -1;

  constructor() {
    super();
    this.cursor = null;
    this.isReading = false;
    this.problem = "";
  }

  protected override willUpdate(): void {
    const { account, moneyVersion } = this.play;
    if (account?.user_id !== this.userId) {
      this.userId = account?.user_id;
      this.entries = undefined;
      this.version = -1;
    }
    if (this.version !== moneyVersion && !this.isReading) void this.read();
  }

  override render(): TemplateResult {
    return html`<section class="card stack" aria-labelledby="title" data-testid="statement">
      <h2 id="title">${text.wallet.statement}</h2>
      ${this.content()}
      ${
        this.problem
          ? html`<div class="row"><p class="problem grow" role="alert">${this.problem}</p>
            <button class="small" data-testid="statement-again" @click=${() => void this.read()}>${text.wallet.again}</button></div>`
          : nothing
      }
      ${
        this.cursor
          ? html`<button class="small" data-testid="statement-older" aria-disabled=${this.isReading} aria-busy=${this.isReading}
              @click=${() => !this.isReading && void this.read(this.cursor ?? undefined)}>${text.wallet.older}</button>`
          : nothing
      }
    </section>`;
  }

  private content(): TemplateResult | typeof nothing {
    const { entries } = this;
    if (!entries)
      return this.problem ? nothing : html`<p class="soft" role="status">${text.wallet.statementLoading}</p>`;
    if (entries.length === 0)
      return html`<p class="soft" data-testid="statement-empty">${text.wallet.statementEmpty}</p>`;
    return html`<div>${repeat(
      daysOf(entries, (entry) => entry.at),
      ([day]) => day,
      ([day, lines]) => html`<h3>${dayWords(day)}</h3>
        <ul>${repeat(
          lines,
          (entry) => entry.id,
          (entry) => this.line(entry),
        )}</ul>`,
    )}</div>`;
  }

  private line(entry: Transaction): TemplateResult {
    const { kind, change_cents, game_type, room_name, at } = entry;
    const facts = [
      timeOfDay(at),
      ...(game_type ? [this.play.titleOf(game_type)] : []),
      ...(room_name ? [`“${room_name}”`] : []),
    ];
    return html`<li data-testid="statement-entry" data-kind=${kind} data-cents=${change_cents}>
      <div class="grow">
        <p>${text.wallet.kinds[kind] ?? kind.replaceAll("_", " ")}</p>
        <p class="soft facts"><bdi>${facts.join(" · ")}</bdi></p>
      </div>
      <b class="number ${change_cents > 0 ? "in" : ""}">${change(change_cents, entry.currency)}</b>
    </li>`;
  }

  /** The newest page, or the one that the cursor leads to. */
  private async read(cursor?: string): Promise<void> {
    const { userId } = this;
    if (userId === undefined) return;
    if (cursor === undefined) this.version = this.play.moneyVersion;
    this.isReading = true;
    this.problem = "";
    try {
      const page = await this.play.session.transactions(cursor);
      if (this.userId !== userId) return;
      if (cursor === undefined) this.putNewest(page.transactions, page.next_cursor);
      else {
        this.entries = [...(this.entries ?? []), ...page.transactions];
        this.cursor = page.next_cursor;
      }
    } catch (error) {
      this.problem = wordsFor(error);
    } finally {
      this.isReading = false;
    }
  }

  /** Before what is known, where the two meet; otherwise in its place. */
  private putNewest(newest: readonly Transaction[], cursor: string | null): void {
    const known = this.entries ?? [];
    const meets = newest.findIndex(({ id }) => id === known[0]?.id);
    if (meets >= 0) {
      this.entries = [...newest.slice(0, meets), ...known];
      return;
    }
    this.entries = newest;
    this.cursor = cursor;
  }

  static override styles = [
    ui,
    css`
      h3 {
        padding-bottom: var(--space-1);
        border-bottom: 1px solid var(--line);
        color: var(--text-2);
        font-size: var(--text-s);
      }
      ul + h3 {
        margin-top: var(--space-4);
      }
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        align-items: baseline;
        gap: var(--space-3);
        padding: var(--space-2) 0;
      }
      .facts {
        font-size: var(--text-s);
        overflow-wrap: anywhere;
      }
      b {
        white-space: nowrap;
      }
      .in {
        color: var(--good);
      }
      .problem {
        color: var(--bad);
        font-weight: 600;
      }
    `,
  ];
}

customElements.define("bs-statement", Statement);

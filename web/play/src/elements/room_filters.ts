import type { Cents, RoomSummary } from "@blazing-sun/client";
import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { money } from "../format.js";
import { isFiltered, type RoomFilters } from "../room_filters.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

/** Chooses which rooms of the lobby are shown. Fires `filters` with the new choice. */
export class RoomFilterBar extends PlayElement {
  static override properties: PropertyDeclarations = {
    rooms: { attribute: false },
    filters: { attribute: false },
    shown: { attribute: false },
  };
  declare rooms: readonly RoomSummary[];
  declare filters: RoomFilters;
  /** How many rooms are left. */
  declare shown: number;

  override render(): TemplateResult {
    const { filters, play } = this;
    const games = new Set([
      ...play.games.map((game) => game.game_type),
      ...this.rooms.map((room) => room.game_type),
      ...(filters.game === undefined ? [] : [filters.game]),
    ]);
    const fees = this.fees();
    return html`<form role="search" aria-label=${text.filters.title} data-testid="room-filters" @change=${this.change} @submit=${stay}>
      ${this.choice("game", text.game, filters.game, [
        ["", text.filters.anyGame],
        ...[...games].map((game): [string, string] => [game, play.titleOf(game)]),
      ])}
      ${
        fees.length > 1
          ? this.choice("fee", text.entryFee, filters.feeMax === undefined ? "" : String(filters.feeMax), [
              ["", text.filters.anyFee],
              ...fees.map((fee): [string, string] => [String(fee), text.filters.upTo(money(fee, play.currency))]),
            ])
          : nothing
      }
      ${this.choice("state", text.filters.state, filters.state, [
        ["", text.filters.anyState],
        ["waiting", text.filters.waiting],
        ["playing", text.filters.playing],
      ])}
      ${this.choice("password", text.filters.password, filters.password, [
        ["", text.filters.anyPassword],
        ["without", text.filters.withoutPassword],
        ["with", text.filters.withPassword],
      ])}
      <label class="check"><input type="checkbox" name="seat" data-testid="filter-seat" .checked=${filters.hasSeat ?? false} />
        ${text.filters.hasSeat}</label>
      <span class="soft number count" data-testid="filter-count">${text.filters.count(this.shown)}</span>
      ${
        isFiltered(filters)
          ? html`<button type="button" class="small" data-testid="filter-clear" @click=${() => this.tell({})}>${text.filters.clear}</button>`
          : nothing
      }
    </form>`;
  }

  /** What another choice leaves is told; rooms that come and go are not. */
  protected override updated(changed: PropertyValues<this>): void {
    if (changed.get("filters") !== undefined) this.play.announce(text.filters.count(this.shown));
  }

  /** What rooms and games cost here, the least first. */
  private fees(): Cents[] {
    const fees = new Set([
      ...this.play.games.map((game) => game.entry_fee_cents),
      ...this.rooms.map((room) => room.entry_fee_cents),
      ...(this.filters.feeMax === undefined ? [] : [this.filters.feeMax]),
    ]);
    return [...fees].sort((one, other) => one - other);
  }

  private choice(
    name: string,
    label: string,
    chosen: string | undefined,
    options: readonly [value: string, words: string][],
  ): TemplateResult {
    return html`<select name=${name} aria-label=${label} data-testid="filter-${name}" ?data-on=${(chosen ?? "") !== ""}>
      ${options.map(([value, words]) => html`<option value=${value} .selected=${value === (chosen ?? "")}>${words}</option>`)}
    </select>`;
  }

  private readonly change = (event: Event) => {
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const chosen = (name: string) => String(form.get(name) ?? "");
    const password = chosen("password");
    const state = chosen("state");
    this.tell({
      ...(chosen("game") ? { game: chosen("game") } : {}),
      ...(chosen("fee") ? { feeMax: Number(chosen("fee")) } : {}),
      ...(form.has("seat") ? { hasSeat: true } : {}),
      ...(password === "with" || password === "without" ? { password } : {}),
      ...(state === "waiting" || state === "playing" ? { state } : {}),
    });
  };

  private tell(filters: RoomFilters): void {
    this.dispatchEvent(new CustomEvent("filters", { detail: filters }));
  }

  static override styles = [
    ui,
    css`
      form {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--space-2);
      }
      select {
        width: auto;
        max-width: 100%;
        min-height: 44px;
        padding: 0 var(--space-2);
        border-radius: var(--radius-pill);
        background: var(--surface);
        font-size: var(--text-s);
        font-weight: 600;
      }
      select[data-on] {
        border-color: var(--accent);
        color: var(--accent);
      }
      .check {
        padding: 0 var(--space-2);
        font-size: var(--text-s);
      }
      .count {
        margin-left: auto;
        font-size: var(--text-s);
      }
      @media (max-width: 46rem) {
        form {
          display: grid;
          grid-template-columns: 1fr 1fr;
        }
        select {
          width: 100%;
          text-overflow: ellipsis;
        }
        .count {
          justify-self: end;
        }
      }
    `,
  ];
}

function stay(event: Event): void {
  event.preventDefault();
}

customElements.define("bs-room-filters", RoomFilterBar);

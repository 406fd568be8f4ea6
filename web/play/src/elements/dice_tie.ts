import type { Member, UserId } from "@blazing-sun/client";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import "./die.js";

/** Who is still in a tie-break, and why: what each threw, and who is out of the round with what. */
export class DiceTie extends LitElement {
  static override properties = {
    userIds: { attribute: false },
    value: { attribute: false },
    rolls: { attribute: false },
    players: { attribute: false },
    me: { attribute: false },
  };
  declare userIds: readonly UserId[];
  /** What they tied at, where that was seen. */
  declare value: number | null;
  /** All throws of the round so far, by player. */
  declare rolls: ReadonlyMap<UserId, readonly number[]>;
  declare players: readonly Member[];
  declare me: string;

  override render(): TemplateResult {
    const { userIds, value, rolls } = this;
    const inIt = this.players.filter(({ userId }) => userIds.includes(userId));
    const out = this.players.filter(({ userId }) => !userIds.includes(userId));
    const outWords = out.map(({ userId, username }) => text.dice.outWith(username, rolls.get(userId)?.[0]));
    return html`<div class="tie" role="status" data-testid="tie">
      <p><b>${value === null ? text.dice.tieBadge : text.dice.tieWhy(inIt.length, value)}</b> ${text.dice.tieRule}</p>
      <ul aria-label=${text.dice.stillIn}>${inIt.map(
        ({ userId, username }) => html`<li data-testid="tie-in-${userId}">
          <bs-avatar aria-hidden="true" .userId=${userId} .name=${username}></bs-avatar>
          <span class="ellipsis"><bdi>${userId === this.me ? text.dice.you : username}</bdi></span>
          ${value === null ? nothing : html`<bs-face .value=${value}></bs-face>`}
        </li>`,
      )}</ul>
      ${out.length === 0 ? nothing : html`<p class="soft" data-testid="tie-out">${text.dice.outOfRound(outWords.join(", "))}</p>`}
    </div>`;
  }

  static override styles = [
    ui,
    css`
      .tie {
        display: grid;
        gap: var(--space-2);
        padding: var(--space-3) var(--space-4);
        border: 1px solid color-mix(in srgb, var(--warn) 45%, var(--line));
        border-radius: var(--radius-m);
        background: var(--warn-soft);
        font-size: var(--text-s);
        text-align: left;
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        max-width: 100%;
        padding: 4px 10px 4px 4px;
        border-radius: var(--radius-pill);
        background: var(--surface);
        font-weight: 700;
      }
      bs-avatar {
        --size: 26px;
      }
      bs-face {
        --size: 22px;
      }
      p {
        overflow-wrap: anywhere;
      }
      b {
        color: var(--warn);
        font-size: var(--text-m);
      }
      .soft {
        color: var(--text);
      }
    `,
  ];
}

customElements.define("bs-dice-tie", DiceTie);

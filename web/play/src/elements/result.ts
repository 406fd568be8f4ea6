import type { RoomView } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { money } from "../format.js";
import { sound } from "../sound.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import { botMark } from "./bot_mark.js";
import { PlayElement } from "./element.js";

export class Result extends PlayElement {
  static override properties = { room: { attribute: false }, isBusy: { state: true } };
  declare room: RoomView;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.isBusy = false;
  }

  protected override firstUpdated(): void {
    const words = this.renderRoot.querySelectorAll(".title, .lead");
    this.play.announce([...words].map((each) => each.textContent?.trim()).join(" "));
    if (this.room.result?.winnerId === this.play.account?.user_id) sound.play("win");
  }

  override render(): TemplateResult | typeof nothing {
    const { result } = this.room;
    if (!result) return nothing;
    const me = this.play.account?.user_id;
    const iWon = result.winnerId !== null && result.winnerId === me;
    const prize = money(result.prizeCents, this.play.currency);
    const ranking = [...result.finalScores].sort((a, b) => b.score - a.score);
    const nobody = result.isCancelled
      ? { title: text.cancelledGame, lead: text.cancelledGameLead }
      : { title: text.draw, lead: text.drawLead };
    const title = result.winnerId === null ? nobody.title : iWon ? text.won : text.lost(result.winnerName ?? "");
    return html`
      <div class="card" data-testid="result" data-winner=${result.winnerId ?? ""} ?data-won=${iWon}>
        <div class="sun" aria-hidden="true"></div>
        <p class="title" data-testid="winner">${title}</p>
        <p class="lead" data-testid="result-prize">
          ${result.winnerId === null ? nobody.lead : iWon ? text.youGet(prize) : text.takes(prize)}
        </p>
        <slot></slot>
        <ol>
          ${ranking.map(
            ({ userId, username, score }) => html`
              <li ?data-first=${userId === result.winnerId}>
                <bs-avatar .userId=${userId} .name=${username}></bs-avatar>
                <span class="grow ellipsis"><b>${username}</b> ${userId === me ? html`<span class="soft">(${text.you})</span>` : nothing}
                  ${botMark(this.room.members.find((member) => member.userId === userId)?.isBot)}</span>
                <span class="number score" data-testid="score-${userId}" data-score=${score}>${score}</span>
              </li>
            `,
          )}
        </ol>
        ${this.rematch()}
        ${
          me !== undefined && this.room.selected.includes(me)
            ? html`<button data-testid="watch-again" @click=${this.watchAgain}>${text.replay.again}</button>`
            : nothing
        }
        <button data-testid="back-to-lobby" @click=${() => this.play.go({ page: "lobby" })}>${text.toLobby}</button>
      </div>
    `;
  }

  /** Whoever presses first asks; the others take it with one press. */
  private rematch(): TemplateResult | typeof nothing {
    const { room, play } = this;
    const invitation = play.client?.invitations.rematchOf(room.roomId);
    const feeCents = invitation?.entryFeeCents ?? play.rematches.feeCents(room);
    const fee = money(feeCents, play.currency);
    const isPoor = (play.account?.balance_cents ?? 0) < feeCents;
    if (!invitation && !room.selected.includes(play.account?.user_id ?? "")) return nothing;
    const poor = isPoor
      ? html`<p class="chip bad">${text.joinPoor}</p>
        <button class="small" @click=${() => play.go({ page: "wallet" })}>${text.wallet.topUp}</button>`
      : nothing;
    if (!invitation) {
      return html`<div class="rematch">${poor}
        <button class="primary large" data-testid="rematch" ?disabled=${isPoor} aria-disabled=${this.isBusy}
          @click=${() => void this.once(() => play.rematches.open(room))}>${text.rematch(fee)}</button>
        <p class="soft">${text.rematchLead}</p>
      </div>`;
    }
    return html`<div class="rematch" role="status">
      <p><b>${text.rematchAsked(invitation.hostName)}</b></p>${poor}
      <button class="primary large" data-testid="rematch-join" ?disabled=${isPoor} aria-disabled=${this.isBusy}
        @click=${() => void this.once(() => play.acceptInvitation(invitation))}>${text.rematchJoin(fee)}</button>
    </div>`;
  }

  private readonly watchAgain = () =>
    this.play.go({ page: "replay", gameType: this.room.gameType, roomId: this.room.roomId });

  private async once(work: () => Promise<unknown>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    await work();
    this.isBusy = false;
  }

  static override styles = [
    ui,
    css`
      .card {
        position: relative;
        display: grid;
        justify-items: center;
        gap: var(--space-4);
        overflow: hidden;
        padding: var(--space-7) var(--space-5) var(--space-6);
        text-align: center;
        animation: rise 360ms var(--ease);
      }
      .sun {
        position: absolute;
        top: -9rem;
        width: 32rem;
        height: 18rem;
        border-radius: 50%;
        background: radial-gradient(closest-side, var(--surface-3), transparent);
      }
      [data-won] .sun {
        background: radial-gradient(closest-side, #ffb03a8c, transparent);
      }
      .title {
        position: relative;
        font-size: var(--text-xxl);
        font-weight: 850;
        letter-spacing: -0.03em;
        line-height: 1.1;
        overflow-wrap: anywhere;
      }
      .lead {
        position: relative;
        font-size: var(--text-l);
        color: var(--text-2);
      }
      [data-won] .lead {
        color: var(--good);
        font-weight: 700;
      }
      ol {
        display: grid;
        gap: var(--space-2);
        width: min(24rem, 100%);
        margin: 0;
        padding: 0;
        list-style: none;
        text-align: left;
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        padding: var(--space-2) var(--space-4);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface-2);
      }
      li[data-first] {
        border-color: var(--sun-2);
      }
      .rematch {
        display: grid;
        justify-items: center;
        gap: var(--space-2);
      }
      .score {
        font-size: var(--text-l);
        font-weight: 800;
      }
    `,
  ];
}

customElements.define("bs-result", Result);

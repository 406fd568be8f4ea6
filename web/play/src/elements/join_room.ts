import { Refusal, type RoomSummary } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { money } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import { PlayElement } from "./element.js";

type Watchable = Pick<RoomSummary, "room_id" | "room_name" | "is_password_protected">;
type Asked = { as: "player"; room: RoomSummary } | { as: "watch"; room: Watchable };

/** Shows the fee and the prize before it joins: joining is consent to the fee. Watching is free. */
export class JoinRoom extends PlayElement {
  static override properties = { asked: { state: true }, isBusy: { state: true }, problem: { state: true } };
  declare private asked: Asked | undefined;
  declare private isBusy: boolean;
  declare private problem: string;

  constructor() {
    super();
    this.asked = undefined;
    this.isBusy = false;
    this.problem = "";
  }

  open(room: RoomSummary, as?: "player"): void;
  open(room: Watchable, as: "watch"): void;
  open(room: RoomSummary & Watchable, as: "player" | "watch" = "player"): void {
    this.problem = "";
    this.asked = { as, room };
    // Nothing is to be decided or typed: watching begins.
    if (as === "watch" && !room.is_password_protected) void this.enter("");
  }

  protected override updated(): void {
    this.syncDialog();
  }

  override render(): TemplateResult | typeof nothing {
    const { asked, play } = this;
    if (!asked) return nothing;
    const isPoor = asked.as === "player" && (play.account?.balance_cents ?? 0) < asked.room.entry_fee_cents;
    const { room } = asked;
    return html`
      <dialog @close=${this.close} aria-labelledby="title" data-testid="join-dialog">
        <form class="stack" @submit=${this.submit}>
          <h2 id="title">${asked.as === "player" ? text.joinTitle(room.room_name) : text.watchTitle(room.room_name)}</h2>
          ${asked.as === "player" ? this.price(asked.room) : html`<p class="soft">${text.watchConsent}</p>`}
          ${
            room.is_password_protected
              ? html`<label>${text.joinPassword}<input name="password" type="password" required autocomplete="off"
                  aria-invalid=${this.problem !== ""} aria-describedby="problem" data-testid="join-password" /></label>`
              : nothing
          }
          <p id="problem" class="problem" role="alert" data-testid="join-problem" ?hidden=${this.problem === ""}>${this.problem}</p>
          ${
            isPoor
              ? html`<div class="row"><p class="chip bad">${text.joinPoor}</p>
                <button class="small" type="button" data-testid="join-top-up" @click=${() => play.go({ page: "wallet" })}>${text.wallet.topUp}</button></div>`
              : nothing
          }
          <div class="row actions">
            <button type="button" class="plain" data-testid="cancel-join" @click=${this.close}>${text.cancel}</button>
            <button class="primary" data-testid="confirm-join" ?disabled=${isPoor} aria-disabled=${this.isBusy}>
              ${asked.as === "player" ? text.joinConfirm(money(asked.room.entry_fee_cents, play.currency)) : text.watch}</button>
          </div>
        </form>
      </dialog>
    `;
  }

  private price(room: RoomSummary): TemplateResult {
    const { currency } = this.play;
    return html`<dl class="price">
        <div><dt>${text.entryFee}</dt><dd data-testid="join-fee">${money(room.entry_fee_cents, currency)}</dd></div>
        <div class="prize"><dt>${text.prize}</dt>
          <dd data-testid="join-prize">${room.prize_cents === undefined ? "–" : money(room.prize_cents, currency)}</dd></div>
      </dl>
      <p class="soft">${text.joinConsent}</p>`;
  }

  private readonly close = () => {
    this.asked = undefined;
  };

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    void this.enter(String(new FormData(event.target as HTMLFormElement).get("password") ?? ""));
  };

  private async enter(password: string): Promise<void> {
    const { asked, play } = this;
    if (!asked || !play.client || this.isBusy) return;
    const roomId = asked.room.room_id;
    const name = asked.as === "player" ? "join_room" : "join_as_spectator";
    this.isBusy = true;
    this.problem = "";
    try {
      await play.client.command(`games.command.${name}`, { room_id: roomId, ...(password ? { password } : {}) });
      this.asked = undefined;
      play.go({ page: "room", roomId });
    } catch (error) {
      this.problem = passwordWords(error) ?? wordsFor(error);
      // What is listed may have ended since.
      if (error instanceof Refusal && error.code === "room_not_found") play.client.lobby.refresh();
      this.renderRoot.querySelector("input")?.select();
    } finally {
      this.isBusy = false;
    }
  }

  static override styles = [
    ui,
    css`
      .actions {
        justify-content: flex-end;
      }
      .chip {
        justify-self: start;
      }
      .problem {
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius-s);
        background: var(--bad-soft);
        color: var(--bad);
        font-weight: 600;
      }
    `,
  ];
}

/** What a refusal means where a password was asked for. */
function passwordWords(error: unknown): string | undefined {
  if (!(error instanceof Refusal)) return undefined;
  if (error.code === "wrong_password") return text.passwordWrong;
  return error.code === "rate_limited" ? text.passwordLimited : undefined;
}

customElements.define("bs-join-room", JoinRoom);

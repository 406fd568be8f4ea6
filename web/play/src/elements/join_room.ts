import type { RoomSummary } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { money } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

/** Shows the fee and the prize before it joins: joining is consent to the fee. */
export class JoinRoom extends PlayElement {
  static override properties = { room: { state: true }, isBusy: { state: true } };
  declare private room: RoomSummary | undefined;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.room = undefined;
    this.isBusy = false;
  }

  open(room: RoomSummary): void {
    this.room = room;
  }

  protected override updated(): void {
    const dialog = this.renderRoot.querySelector("dialog");
    if (dialog && !dialog.open) dialog.showModal();
  }

  override render(): TemplateResult | typeof nothing {
    const { room, play } = this;
    if (!room) return nothing;
    const fee = money(room.entry_fee_cents, play.currency);
    const isPoor = (play.account?.balance_cents ?? 0) < room.entry_fee_cents;
    return html`
      <dialog @close=${this.close} aria-labelledby="title" data-testid="join-dialog">
        <form class="stack" @submit=${this.submit}>
          <h2 id="title">${text.joinTitle(room.room_name)}</h2>
          <dl class="price">
            <div><dt>${text.entryFee}</dt><dd data-testid="join-fee">${fee}</dd></div>
            <div class="prize"><dt>${text.prize}</dt>
              <dd data-testid="join-prize">${room.prize_cents === undefined ? "–" : money(room.prize_cents, play.currency)}</dd></div>
          </dl>
          <p class="soft">${text.joinConsent}</p>
          ${
            room.is_password_protected
              ? html`<label>${text.joinPassword}<input name="password" type="password" required autocomplete="off" data-testid="join-password" /></label>`
              : nothing
          }
          ${isPoor ? html`<p class="chip bad">${text.joinPoor}</p>` : nothing}
          <div class="row actions">
            <button type="button" class="plain" @click=${this.close}>${text.cancel}</button>
            <button class="primary" data-testid="confirm-join" ?disabled=${this.isBusy || isPoor}>${text.joinConfirm(fee)}</button>
          </div>
        </form>
      </dialog>
    `;
  }

  private readonly close = () => {
    this.room = undefined;
  };

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const password = String(new FormData(event.target as HTMLFormElement).get("password") ?? "");
    void this.join(password);
  };

  private async join(password: string): Promise<void> {
    const { room, play } = this;
    if (!room || !play.client) return;
    this.isBusy = true;
    const command = { room_id: room.room_id, ...(password ? { password } : {}) };
    const isIn = await play.run(play.client.command("games.command.join_room", command));
    this.isBusy = false;
    if (!isIn) return;
    this.room = undefined;
    play.go({ page: "room", roomId: room.room_id });
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
    `,
  ];
}

customElements.define("bs-join-room", JoinRoom);

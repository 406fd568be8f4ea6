import { css, html, nothing, type TemplateResult } from "lit";
import { money } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

export class CreateRoom extends PlayElement {
  static override properties = {
    isOpen: { state: true },
    isBusy: { state: true },
    gameType: { state: true },
    seats: { state: true },
  };
  declare private isOpen: boolean;
  declare private isBusy: boolean;
  declare private gameType: string;
  declare private seats: number;

  constructor() {
    super();
    this.isOpen = false;
    this.isBusy = false;
    this.gameType = "";
    this.seats = 2;
  }

  open(): void {
    const game = this.play.gameInfo(this.gameType) ?? this.play.games[0];
    this.gameType = game?.game_type ?? "bigger_dice";
    this.seats = game?.min_players ?? 2;
    this.isOpen = true;
  }

  protected override updated(): void {
    this.syncDialog();
  }

  override render(): TemplateResult | typeof nothing {
    if (!this.isOpen) return nothing;
    const { play } = this;
    const game = play.gameInfo(this.gameType);
    const [fewest, most] = [game?.min_players ?? 2, game?.max_players ?? 10];
    const prize = game ? Math.floor((game.entry_fee_cents * this.seats * game.prize_percent) / 100) : undefined;
    return html`
      <dialog @close=${this.close} aria-labelledby="title" data-testid="create-dialog">
        <form class="stack" @submit=${this.submit}>
          <h2 id="title">${text.createRoom}</h2>
          <label>${text.roomName}
            <input name="room_name" required maxlength="50" autocomplete="off" data-testid="room-name"
              value=${text.roomNameDefault(play.account?.username ?? "")} />
          </label>
          ${
            play.games.length > 1
              ? html`<label>${text.game}
                <select data-testid="game-type" @change=${this.changeGame}>
                  ${play.games.map((each) => html`<option value=${each.game_type} ?selected=${each.game_type === this.gameType}>${play.titleOf(each.game_type)}</option>`)}
                </select>
              </label>`
              : nothing
          }
          <div class="seats">
            <span class="label">${text.seats}</span>
            <div class="stepper">
              <button type="button" aria-label=${text.seatsFewer} data-testid="seats-less" ?disabled=${this.seats <= fewest}
                @click=${() => {
                  this.seats -= 1;
                }}>−</button>
              <output class="number" data-testid="seats">${this.seats}</output>
              <button type="button" aria-label=${text.seatsMore} data-testid="seats-more" ?disabled=${this.seats >= most}
                @click=${() => {
                  this.seats += 1;
                }}>+</button>
            </div>
          </div>
          <label>${text.roomPassword}<input name="password" type="password" maxlength="64" autocomplete="off" data-testid="room-password" /></label>
          <label class="check"><input name="allow_spectators" type="checkbox" checked data-testid="allow-spectators" />${text.allowSpectators}</label>
          ${
            game && prize !== undefined
              ? html`<dl class="price">
                <div><dt>${text.entryFee}</dt><dd>${money(game.entry_fee_cents, game.currency)}</dd></div>
                <div class="prize"><dt>${text.prize}</dt><dd>${money(prize, game.currency)}</dd></div>
              </dl>`
              : nothing
          }
          <div class="row actions">
            <button type="button" class="plain" @click=${this.close}>${text.cancel}</button>
            <button class="primary" data-testid="confirm-create" aria-disabled=${this.isBusy}>${text.create}</button>
          </div>
        </form>
      </dialog>
    `;
  }

  private readonly close = () => {
    this.isOpen = false;
  };

  private readonly changeGame = (event: Event) => {
    this.gameType = (event.target as HTMLSelectElement).value;
    this.seats = this.play.gameInfo(this.gameType)?.min_players ?? 2;
  };

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    void this.create(new FormData(event.target as HTMLFormElement));
  };

  private async create(form: FormData): Promise<void> {
    const { client } = this.play;
    if (!client || this.isBusy) return;
    const password = String(form.get("password") ?? "");
    const game = this.play.gameInfo(this.gameType);
    this.isBusy = true;
    const answer = client.command("games.command.create_room", {
      game_type: this.gameType,
      room_name: String(form.get("room_name") ?? "").trim(),
      max_players: this.seats,
      allow_spectators: form.get("allow_spectators") !== null,
      ...(password ? { password } : {}),
      ...(game ? { entry_fee_cents: game.entry_fee_cents } : {}),
    });
    if (await this.play.run(answer)) {
      const frame = await answer;
      this.isOpen = false;
      const roomId = "room" in frame ? frame.room.room_id : frame.room_id;
      if (roomId) this.play.go({ page: "room", roomId });
    }
    this.isBusy = false;
  }

  static override styles = [
    ui,
    css`
      .seats {
        display: flex;
        align-items: center;
        justify-content: space-between;
      }
      .label {
        color: var(--text-2);
        font-size: var(--text-s);
        font-weight: 600;
      }
      .stepper {
        display: flex;
        align-items: center;
        gap: var(--space-3);
      }
      .stepper button {
        width: 44px;
        padding: 0;
        font-size: var(--text-l);
      }
      output {
        min-width: 2ch;
        font-size: var(--text-xl);
        font-weight: 750;
        text-align: center;
      }
      .actions {
        justify-content: flex-end;
      }
    `,
  ];
}

customElements.define("bs-create-room", CreateRoom);

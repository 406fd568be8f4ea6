import type { GameTranscript, PlayedGame } from "@blazing-sun/client";
import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { change, dayAndTime, money } from "../format.js";
import { drawGame, gamePage } from "../games.js";
import { clockAt, recordOf, type Step, stepsOf } from "../replay.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import { PlayElement } from "./element.js";
import "./proof.js";

const STEP_MS = 1_100;
const FIRST = "M7 6v12M19 6l-9 6 9 6z";
const BACK = "M17 5l-10 7 10 7z";
const PLAY = "M8 4l12 8-12 8z";
const PAUSE = "M8 5v14M16 5v14";
const ON = "M7 5l10 7-10 7z";
const LAST = "M17 6v12M5 6l9 6-9 6z";
const SPEEDS = [1, 2, 4] as const;

function sign(path: string): TemplateResult {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>`;
}

/** A game once more, step by step, with its money and its proof. */
export class ReplayPage extends PlayElement {
  static override properties: PropertyDeclarations = {
    gameType: { attribute: false },
    roomId: { attribute: false },
    transcript: { state: true },
    at: { state: true },
    isPlaying: { state: true },
    speed: { state: true },
    problem: { state: true },
  };
  declare gameType: string;
  declare roomId: string;
  declare private transcript: GameTranscript | undefined;
  /** The step that is shown. */
  declare private at: number;
  declare private isPlaying: boolean;
  declare private speed: (typeof SPEEDS)[number];
  declare private problem: string;
  private steps: readonly Step[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked: string | undefined;

  constructor() {
    super();
    this.transcript = undefined;
    this.at = 0;
    this.isPlaying = false;
    this.speed = 1;
    this.problem = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const keys = (event: KeyboardEvent) => this.key(event);
    addEventListener("keydown", keys);
    this.whileConnected(() => removeEventListener("keydown", keys));
    this.whileConnected(() => this.pause());
  }

  protected override willUpdate(): void {
    const asked = `${this.play.account?.user_id}/${this.gameType}/${this.roomId}`;
    if (asked !== this.asked) void this.read(asked);
  }

  protected override updated(changed: PropertyValues): void {
    if (!changed.has("at") && !changed.has("isPlaying") && !changed.has("speed")) return;
    clearTimeout(this.timer);
    if (!this.isPlaying) return;
    if (this.at >= this.steps.length - 1) this.pause();
    else this.timer = setTimeout(() => this.show(this.at + 1), STEP_MS / this.speed);
  }

  override render(): TemplateResult {
    const { transcript } = this;
    const step = this.steps[this.at];
    return html`
      <a class="back" href="/history" data-testid="to-history" @click=${(event: MouseEvent) =>
        this.play.follows(event, { page: "history" })}>‹ ${text.history.title}</a>
      ${
        this.problem
          ? html`<div class="card stack" data-testid="replay-problem"><h1>${text.replay.none}</h1>
              <p role="alert">${this.problem}</p></div>`
          : nothing
      }
      ${!transcript && !this.problem ? html`<p class="soft" role="status">${text.replay.loading}</p>` : nothing}
      ${transcript && step ? html`${this.head(step, transcript.game)} ${this.stage(step)} ${this.proof(transcript)}` : nothing}
    `;
  }

  private head({ view }: Step, game: PlayedGame | null): TemplateResult {
    const at = game?.ended_at ?? String(this.transcript?.frames.at(-1)?.timestamp ?? "");
    return html`<div class="head">
      <h1 data-testid="replay-title"><bdi>${game?.room_name ?? view.name}</bdi></h1>
      <div class="row facts">
        <span class="chip">${this.play.titleOf(this.gameType)}</span>
        <span class="chip">${dayAndTime(at)}</span>
        ${game ? html`<span class="chip ${game.result === "won" ? "good" : ""}" data-testid="replay-result">${text.history.results[game.result]}</span>` : nothing}
      </div>
      ${game ? this.money(game) : nothing}
    </div>`;
  }

  private money(game: PlayedGame): TemplateResult {
    const { currency, fee_cents, prize_cents, returned_cents } = game;
    const net = prize_cents + returned_cents - fee_cents;
    const line = (name: string, cents: number, testId: string, tone = "") =>
      html`<div><dt>${name}</dt><dd class="number ${tone}" data-testid=${testId}>${
        cents === 0 ? money(0, currency) : change(cents, currency)
      }</dd></div>`;
    return html`<dl class="money" aria-label=${text.replay.money}>
      ${line(text.entryFee, -fee_cents, "replay-fee")}
      ${returned_cents > 0 ? line(text.replay.returned, returned_cents, "replay-returned") : nothing}
      ${line(text.prize, prize_cents, "replay-prize")}
      ${line(text.replay.net, net, "replay-net", net > 0 ? "in" : "")}
    </dl>`;
  }

  private stage(step: Step): TemplateResult {
    const me = this.play.account?.user_id ?? "";
    const context = {
      room: step.view,
      me,
      clock: clockAt(step),
      act: async () => false,
      isReplay: true,
    };
    return html`
      <section class="player" aria-label=${text.replay.title}>
        <div class="controls">
          <div class="buttons">
            ${this.button(FIRST, text.replay.first, "replay-first", 0, this.at === 0)}
            ${this.button(BACK, text.replay.back, "replay-back", this.at - 1, this.at === 0)}
            <button class="primary" data-testid="replay-play" aria-label=${this.isPlaying ? text.replay.pause : text.replay.play}
              @click=${() => this.toggle()}>${sign(this.isPlaying ? PAUSE : PLAY)}</button>
            ${this.button(ON, text.replay.forward, "replay-forward", this.at + 1, this.isAtEnd)}
            ${this.button(LAST, text.replay.last, "replay-last", this.steps.length - 1, this.isAtEnd)}
          </div>
          <input type="range" min="0" max=${this.steps.length - 1} step="1" .value=${String(this.at)} data-testid="replay-slider"
            aria-label=${text.replay.position} aria-valuetext=${`${this.place()}: ${this.said(step)}`} @input=${this.slide} />
          <button class="small speed number" data-testid="replay-speed" aria-label=${text.replay.speed(this.speed)}
            @click=${this.faster}>${this.speed}×</button>
        </div>
        <p class="said" role="status" aria-live=${this.isPlaying ? "off" : "polite"} data-testid="replay-step" data-step=${this.at} data-steps=${this.steps.length}>
          <span class="number soft">${this.place()}</span> <b><bdi>${this.said(step)}</bdi></b></p>
        <div class="table" inert>${drawGame(context, this.play.gameInfo(this.gameType), this.play.gameModules)}</div>
      </section>
    `;
  }

  private button(path: string, means: string, testId: string, to: number, isOff: boolean): TemplateResult {
    return html`<button aria-label=${means} title=${means} data-testid=${testId} aria-disabled=${isOff}
      @click=${() => !isOff && this.jump(to)}>${sign(path)}</button>`;
  }

  private proof(transcript: GameTranscript): TemplateResult {
    const own = this.play.client?.transcripts.lines(this.roomId) ?? [];
    const { lines, hasOwn, contradicted } = recordOf(transcript.frames, own);
    return html`<bs-proof .roomId=${this.roomId} .lines=${lines} .hasOwn=${hasOwn} .contradicted=${contradicted} .me=${this.play.account?.user_id ?? ""}
      .hasDraws=${gamePage(this.gameType)?.hasDraws !== false} .play=${this.play}></bs-proof>`;
  }

  private get isAtEnd(): boolean {
    return this.at >= this.steps.length - 1;
  }

  private place(): string {
    return text.replay.place(this.at + 1, this.steps.length);
  }

  private said({ name, userId, view }: Step): string {
    const who = view.members.find((member) => member.userId === userId)?.username;
    if (name === "started") return text.replay.started;
    const words = (text.replay.steps[name] ?? name).replaceAll("_", " ");
    const winner = view.result?.winnerName;
    if (winner) return `${words}: ${text.lost(winner)}`;
    return who === undefined ? words : `${who}: ${words}`;
  }

  private jump(to: number): void {
    this.pause();
    this.show(to);
  }

  private show(to: number): void {
    this.at = Math.min(Math.max(to, 0), this.steps.length - 1);
  }

  private toggle(): void {
    if (!this.isPlaying && this.isAtEnd) this.at = 0;
    this.isPlaying = !this.isPlaying;
  }

  private pause(): void {
    clearTimeout(this.timer);
    this.isPlaying = false;
  }

  private readonly slide = (event: Event) => this.jump(Number((event.target as HTMLInputElement).value));

  private readonly faster = () => {
    this.speed = SPEEDS[(SPEEDS.indexOf(this.speed) + 1) % SPEEDS.length] ?? 1;
  };

  /** Anywhere on the page but where keys mean something else. */
  private key(event: KeyboardEvent): void {
    if (this.steps.length === 0 || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.composedPath()[0];
    const isUsed =
      target instanceof HTMLElement && target.closest("button, input, select, textarea, a, dialog, summary");
    const keys: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.jump(this.at - 1),
      ArrowRight: () => this.jump(this.at + 1),
      Home: () => this.jump(0),
      End: () => this.jump(this.steps.length - 1),
      " ": () => this.toggle(),
    };
    const press = keys[event.key];
    const moves = event.key !== " " && target instanceof HTMLButtonElement;
    if (!press || (isUsed && !moves)) return;
    event.preventDefault();
    press();
  }

  private async read(asked: string): Promise<void> {
    this.asked = asked;
    this.pause();
    this.transcript = undefined;
    this.problem = "";
    this.steps = [];
    this.at = 0;
    const me = this.play.account?.user_id;
    if (me === undefined) return;
    try {
      const transcript = await this.play.session.transcript(this.gameType, this.roomId);
      if (asked !== this.asked) return;
      this.steps = stepsOf(transcript.frames, me);
      this.transcript = transcript;
      if (this.steps.length === 0) this.problem = text.replay.empty;
    } catch (error) {
      if (asked === this.asked) this.problem = wordsFor(error);
    }
  }

  static override styles = [
    ui,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-4);
        max-width: 60rem;
        margin: 0 auto;
      }
      .back {
        justify-self: start;
        padding: var(--space-2) 0;
        color: var(--accent);
        font-weight: 650;
        text-decoration: none;
      }
      .facts {
        gap: var(--space-2);
        margin-top: var(--space-2);
      }
      .money {
        display: flex;
        flex-wrap: wrap;
        gap: 1px;
        overflow: hidden;
        margin-top: var(--space-4);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--line);
      }
      .money > div {
        flex: 1 1 7rem;
        padding: var(--space-2) var(--space-4);
        background: var(--surface);
      }
      .money dt {
        color: var(--text-2);
        font-size: var(--text-s);
      }
      .money dd {
        margin: 0;
        font-size: var(--text-l);
        font-weight: 750;
        white-space: nowrap;
      }
      .in {
        color: var(--good);
      }
      .player {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-3);
      }
      .controls {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line);
        border-radius: var(--radius-l);
        background: var(--surface);
        box-shadow: var(--shadow);
      }
      .buttons {
        display: flex;
        gap: var(--space-1);
      }
      .buttons button {
        min-width: 44px;
        min-height: 44px;
        padding: 0;
      }
      svg {
        width: 20px;
        fill: currentColor;
        stroke: currentColor;
        stroke-width: 2.5;
        stroke-linecap: round;
        stroke-linejoin: round;
      }
      input[type="range"] {
        flex: 1;
        min-width: 0;
        padding: 0;
        border: 0;
        background: none;
        accent-color: var(--sun-2);
      }
      .speed {
        flex: none;
        min-width: 44px;
        min-height: 44px;
        padding: 0;
      }
      .said {
        display: flex;
        gap: var(--space-2);
        min-height: 1.6em;
        padding: 0 var(--space-2);
        overflow-wrap: anywhere;
      }
      .said .soft {
        flex: none;
      }
      @media (max-width: 46rem) {
        .controls {
          flex-wrap: wrap;
          justify-content: space-between;
        }
        input[type="range"] {
          flex: 1 0 100%;
          order: 3;
        }
      }
    `,
  ];
}

customElements.define("bs-replay", ReplayPage);

import {
  checkFairness,
  type FairnessReport,
  isContradicted,
  type RoomView,
  type Transcripts,
} from "@blazing-sun/client";
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";

/** One sentence of what was checked. */
interface Finding {
  readonly tone: "good" | "bad" | "plain";
  readonly words: string;
  readonly testId: string;
}

/** Checks a room's draws from what this page has seen of it, and says in words what came of it. */
export class FairnessPanel extends LitElement {
  static override properties = {
    roomId: { attribute: false },
    room: { attribute: false },
    transcripts: { attribute: false },
    me: { attribute: false },
    report: { state: true },
  };
  declare roomId: string;
  /** As it is now; none where only the record of it is left. */
  declare room: RoomView | undefined;
  declare transcripts: Transcripts | undefined;
  declare me: string;
  declare private report: FairnessReport | undefined;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("roomId")) this.report = undefined;
    const before = changed.get("room");
    const hasNews = changed.has("room") && (!before || before.fairness !== this.room?.fairness);
    if (hasNews || changed.has("roomId") || changed.has("me")) void this.check();
  }

  override render(): TemplateResult | typeof nothing {
    const { report } = this;
    if (!this.room && !report) return nothing;
    const commitment = report?.commitment ?? this.room?.fairness.commitment;
    const serverSeed = report?.serverSeed ?? this.room?.fairness.serverSeed ?? null;
    return html`
      <details ?open=${serverSeed !== null} data-testid="fairness">
        <summary>${text.fairness} ${this.badge()}</summary>
        <p class="soft">${text.fairnessLead}</p>
        ${this.room?.members.some((member) => member.isBot) ? html`<p class="soft" data-testid="bot-seed">${text.botSeed}</p>` : nothing}
        ${this.findings()}
        <dl>
          <dt>${text.commitment}</dt>
          <dd data-testid="commitment">${commitment ?? "–"}</dd>
          <dt>${text.serverSeed}</dt>
          <dd data-testid="server-seed" ?data-hidden=${serverSeed === null}>${serverSeed ?? text.seedHidden}</dd>
        </dl>
        ${this.record()}
      </details>
    `;
  }

  private badge(): TemplateResult | typeof nothing {
    const { report } = this;
    if (!report) return nothing;
    const isRight = !isContradicted(report);
    if (isRight && report.server !== "right") return nothing;
    return html`<span class="chip ${isRight ? "good" : "bad"}" data-testid="verdict" data-right=${isRight}>${isRight ? "✓" : "✗"}</span>`;
  }

  private findings(): TemplateResult | typeof nothing {
    if (!canCheck()) return html`<p class="soft">${text.checks.notHere}</p>`;
    if (!this.report) return nothing;
    const findings = findingsOf(this.report, this.me);
    return html`<ul>
      ${findings.map(({ tone, words, testId }) => html`<li class=${tone} data-testid=${testId}><span>${words}</span></li>`)}
    </ul>`;
  }

  private record(): TemplateResult | typeof nothing {
    if (!this.report || this.report.server === "hidden") return nothing;
    const file = fileName(this.roomId);
    return html`<button class="small" data-testid="download-record" @click=${this.download}>${text.checks.download}</button>
      <p class="soft">${text.checks.downloadLead} <code>blazing-sun verify ${file}</code></p>`;
  }

  private readonly download = () => {
    const lines = this.transcripts?.file(this.roomId) ?? "";
    const url = URL.createObjectURL(new Blob([lines], { type: "application/x-ndjson" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = fileName(this.roomId);
    link.click();
    // The browser has taken it up by the next turn of its loop.
    setTimeout(() => URL.revokeObjectURL(url));
  };

  private async check(): Promise<void> {
    const { roomId, room, me } = this;
    const lines = this.transcripts?.lines(roomId) ?? [];
    if (!canCheck() || lines.length === 0) return;
    const report = await checkFairness(lines, me);
    if (roomId === this.roomId && room === this.room) this.report = report;
  }

  static override styles = [
    ui,
    css`
      details {
        padding: var(--space-3) var(--space-4);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface);
        font-size: var(--text-s);
      }
      summary {
        cursor: pointer;
        font-weight: 700;
      }
      p {
        margin-top: var(--space-2);
      }
      dl {
        margin-top: var(--space-3);
      }
      dt {
        color: var(--text-2);
        font-weight: 600;
      }
      dd {
        margin: 0 0 var(--space-2);
        font-family: var(--mono);
        overflow-wrap: anywhere;
      }
      dd[data-hidden] {
        color: var(--text-2);
        font-family: inherit;
        font-style: italic;
      }
      ul {
        margin: var(--space-3) 0 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        gap: var(--space-2);
        margin-top: var(--space-1);
      }
      li::before {
        flex: none;
        width: 1.2em;
        content: "–";
        color: var(--text-2);
      }
      li.good::before {
        content: "✓";
        color: var(--good);
      }
      li.bad {
        color: var(--bad);
        font-weight: 700;
      }
      li.bad::before {
        content: "✗";
        color: var(--bad);
      }
      code {
        font-family: var(--mono);
        overflow-wrap: anywhere;
      }
      button {
        margin-top: var(--space-3);
      }
    `,
  ];
}

/** Browsers offer their cryptography to secure pages only. */
function canCheck(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

function fileName(roomId: string): string {
  return `room-${roomId}.jsonl`;
}

/** What a report says, in words. */
export function findingsOf(report: FairnessReport, me: string): Finding[] {
  const { checks } = text;
  const findings: Finding[] = [];
  const add = (tone: Finding["tone"], testId: string, words: string) => findings.push({ tone, testId, words });
  const tones = { right: "good", wrong: "bad", hidden: "plain", unknown: "plain" } as const;
  add(tones[report.server], "check-server", checks.server[report.server]);
  if (report.replacedWrong > 0) add("bad", "check-replaced", checks.replacedWrong(report.replacedWrong));
  else if (report.replaced > 0) add("good", "check-replaced", checks.replaced(report.replaced));

  const names = (seed: string) =>
    report.seats
      .filter((seat) => seat.seed === seed)
      .map((seat) => (seat.isBot ? checks.bot(seat.username) : seat.username))
      .join(", ");
  if (report.seats.some(({ userId }) => userId === me)) {
    const tone = { right: "good", wrong: "bad", none: "plain" } as const;
    const isListed = report.seats.some(({ userId, seed }) => userId === me && seed === "right");
    const own = report.own === "none" && isListed ? "listed" : report.own;
    add(own === "listed" ? "plain" : tone[own], "check-own", checks.own[own]);
  }
  if (names("right")) add("good", "check-seats", checks.seatsRight(names("right")));
  if (names("wrong")) add("bad", "check-seats-wrong", checks.seatsWrong(names("wrong")));
  if (names("none")) add("plain", "check-seats-none", checks.seatsNone(names("none")));

  if (report.serverSeed === null || report.seats.length === 0) return findings;
  if (report.wrongRolls.length === 0) add("good", "draws-checked", text.drawsMatch(report.rolls));
  for (const { number, username, value, drawn } of report.wrongRolls.slice(0, 5)) {
    add("bad", "draws-wrong", checks.wrongRoll(number, username, value, drawn));
  }
  if (report.wrongRolls.length > 5) add("bad", "draws-checked", text.drawsFail(report.wrongRolls.length));
  if (report.missedRolls > 0) add("plain", "draws-missed", checks.missed(report.missedRolls));
  if (report.result === "right") add("good", "check-result", checks.result(report.winner ?? ""));
  if (report.result === "wrong") add("bad", "check-result", checks.resultWrong);
  return findings;
}

customElements.define("bs-fairness", FairnessPanel);

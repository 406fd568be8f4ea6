import { checkFairness, type FairnessReport, type Frame, isContradicted } from "@blazing-sun/client";
import {
  css,
  html,
  LitElement,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from "lit";
import { canCheck, downloadRecord, findingsList, findingsOf, findingsStyle, recordName } from "../findings.js";
import type { Play } from "../play.js";
import { seedsOf } from "../replay.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";

/** Whether a played game's draws follow from its seeds: the verdict, each finding, and all that it rests on. */
export class Proof extends LitElement {
  static override properties: PropertyDeclarations = {
    roomId: { attribute: false },
    lines: { attribute: false },
    hasOwn: { attribute: false },
    contradicted: { attribute: false },
    hasDraws: { attribute: false },
    me: { attribute: false },
    play: { attribute: false },
    report: { state: true },
  };
  declare roomId: string;
  declare lines: readonly Frame[];
  /** Whether this browser saw itself what the server had fixed before play. */
  declare hasOwn: boolean;
  /** What it saw, and the server's record tells otherwise. */
  declare contradicted: readonly Frame[];
  declare hasDraws: boolean;
  declare me: string;
  declare play: Play;
  declare private report: FairnessReport | undefined;

  protected override willUpdate(changed: PropertyValues<this>): void {
    const isOther = changed.has("roomId") || (changed.has("lines") && !isSame(changed.get("lines"), this.lines));
    if (isOther) this.report = undefined;
    if (isOther && this.hasDraws && canCheck()) void this.check();
  }

  override render(): TemplateResult {
    return html`<section class="card stack" aria-labelledby="title" data-testid="proof">
      <h2 id="title">${text.replay.proof}</h2>
      ${this.hasDraws ? nothing : html`<p class="soft" data-testid="proof-none">${text.replay.noDraws}</p>`}
      ${this.hasDraws || this.contradicted.length > 0 ? html`${this.verdict()} ${this.findings()} ${this.seeds()}` : nothing}
    </section>`;
  }

  private verdict(): TemplateResult {
    const { report } = this;
    const isToldOtherwise = this.contradicted.length > 0;
    if (!isToldOtherwise) {
      if (!canCheck()) return html`<p class="verdict">${text.checks.notHere}</p>`;
      if (!report) return html`<p class="soft" role="status">${text.replay.checking}</p>`;
    }
    const isWrong = isToldOtherwise || (report !== undefined && isContradicted(report));
    const isWhole = report?.server === "right" && report.missedRolls === 0;
    const kind = isWrong ? "wrong" : isWhole ? "right" : "open";
    return html`<div class="verdict ${kind}" role="status" data-testid="proof-verdict" data-verdict=${kind}>
      <span class="sign" aria-hidden="true">${isWrong ? "✗" : isWhole ? "✓" : "?"}</span>
      <div><b>${text.replay.verdicts[kind]}</b>
        <p>${isWrong ? text.replay.wrongLead : this.hasOwn ? text.replay.ownRecord : text.replay.serverRecord}</p></div>
    </div>`;
  }

  private findings(): TemplateResult | typeof nothing {
    const { report, contradicted } = this;
    const findings = report ? findingsOf(report, this.me) : [];
    if (contradicted.length > 0) {
      findings.unshift({
        tone: "bad",
        testId: "check-record",
        words: text.replay.toldOtherwise(contradicted.length),
      });
    }
    if (findings.length === 0) return nothing;
    return findingsList(findings);
  }

  private seeds(): TemplateResult {
    const seeds = seedsOf(this.lines);
    const rows = [
      { name: text.commitment, value: seeds.commitment, testId: "proof-commitment" },
      { name: text.serverSeed, value: seeds.serverSeed, testId: "proof-server-seed" },
      ...seeds.seats.flatMap(({ username, commitment, seed, userId }) => [
        { name: text.replay.seatCommitment(username), value: commitment, testId: `proof-commitment-${userId}` },
        { name: text.replay.seatSeed(username), value: seed, testId: `proof-seed-${userId}` },
      ]),
      { name: text.replay.room, value: this.roomId, testId: "proof-room" },
    ];
    return html`<details>
      <summary>${text.replay.raw}</summary>
      <p class="soft">${text.fairnessLead}</p>
      <dl>${rows.map(
        ({ name, value, testId }) => html`<div>
          <dt><bdi>${name}</bdi></dt>
          <dd data-testid=${testId}>${value ?? text.replay.noSeed}</dd>
          ${
            value === null
              ? nothing
              : html`<dd class="copy"><button class="small" aria-label=${text.replay.copyOf(name)} data-testid="copy-${testId}"
                  @click=${() => this.copy(value)}>${text.replay.copy}</button></dd>`
          }
        </div>`,
      )}</dl>
      <div class="row">
        <button data-testid="copy-seeds" @click=${() => this.copy(JSON.stringify({ room_id: this.roomId, ...seeds }, null, 2))}>
          ${text.replay.copyAll}</button>
        <button data-testid="download-record" @click=${this.download}>${text.checks.download}</button>
      </div>
      <p class="soft">${text.checks.downloadLead} <code>blazing-sun verify ${recordName(this.roomId)}</code></p>
    </details>`;
  }

  private async copy(value: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(value);
      this.play.tell(text.replay.copied);
    } catch {
      this.play.tell(text.replay.notCopied);
    }
  }

  private readonly download = () => {
    const file = this.lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    downloadRecord(this.roomId, file);
  };

  private async check(): Promise<void> {
    const { lines } = this;
    const report = await checkFairness(lines, this.me);
    if (isSame(lines, this.lines)) this.report = report;
  }

  static override styles = [
    ui,
    findingsStyle,
    css`
      .verdict {
        display: flex;
        gap: var(--space-3);
        padding: var(--space-4);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface-2);
      }
      .verdict p {
        font-size: var(--text-s);
      }
      .sign {
        display: grid;
        flex: none;
        place-items: center;
        width: 40px;
        height: 40px;
        border-radius: 50%;
        background: var(--surface-3);
        font-size: var(--text-l);
        font-weight: 800;
      }
      .verdict.right {
        border-color: color-mix(in srgb, var(--good) 45%, var(--line));
        background: var(--good-soft);
      }
      .right .sign {
        background: var(--good);
        color: var(--good-soft);
      }
      .verdict.wrong {
        border-color: var(--bad);
        background: var(--bad-soft);
        color: var(--bad);
      }
      .wrong .sign {
        background: var(--bad);
        color: var(--bad-soft);
      }
      ul {
        font-size: var(--text-m);
      }
      summary {
        min-height: 44px;
        align-content: center;
        cursor: pointer;
        font-weight: 700;
      }
      details > * + * {
        margin-top: var(--space-3);
      }
      dl > div {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: 0 var(--space-3);
        padding: var(--space-2) 0;
        border-top: 1px solid var(--line);
      }
      dt {
        color: var(--text-2);
        font-size: var(--text-s);
        font-weight: 600;
      }
      dd {
        margin: 0;
        grid-row: 2;
        font-family: var(--mono);
        font-size: var(--text-s);
        overflow-wrap: anywhere;
      }
      dd.copy {
        grid-column: 2;
        grid-row: 1 / 3;
        min-height: 44px;
      }
      code {
        font-family: var(--mono);
        overflow-wrap: anywhere;
      }
    `,
  ];
}

/** The lists are made anew with each step of the replay, of the same lines. */
function isSame(some: readonly Frame[] | undefined, others: readonly Frame[]): boolean {
  return some?.length === others.length && others.every((line, at) => line === some[at]);
}

customElements.define("bs-proof", Proof);

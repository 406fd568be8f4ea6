import {
  checkFairness,
  type FairnessReport,
  isContradicted,
  type RoomView,
  type Transcripts,
} from "@blazing-sun/client";
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { canCheck, downloadRecord, findingsList, findingsOf, findingsStyle, recordName } from "../findings.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";

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
    return findingsList(findingsOf(this.report, this.me));
  }

  private record(): TemplateResult | typeof nothing {
    if (!this.report || this.report.server === "hidden") return nothing;
    return html`<button class="small" data-testid="download-record" @click=${this.download}>${text.checks.download}</button>
      <p class="soft">${text.checks.downloadLead} <code>blazing-sun verify ${recordName(this.roomId)}</code></p>`;
  }

  private readonly download = () => {
    downloadRecord(this.roomId, this.transcripts?.file(this.roomId) ?? "");
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
    findingsStyle,
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
        margin-top: var(--space-3);
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

customElements.define("bs-fairness", FairnessPanel);

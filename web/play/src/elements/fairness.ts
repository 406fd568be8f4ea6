import { commitmentOf, draw, type RoomView } from "@blazing-sun/client";
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";

interface Verdict {
  isCommitmentRight: boolean;
  checked: number;
  wrong: number;
}

/** Shows what the server committed to, and checks it against the seed once that is known. */
export class FairnessPanel extends LitElement {
  static override properties = { room: { attribute: false }, verdict: { state: true } };
  declare room: RoomView;
  declare private verdict: Verdict | undefined;

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("room");
    if (changed.has("room") && before?.fairness !== this.room.fairness) void this.check(this.room);
  }

  override render(): TemplateResult {
    const { commitment, serverSeed } = this.room.fairness;
    return html`
      <details ?open=${serverSeed !== null} data-testid="fairness">
        <summary>${text.fairness} ${this.badge()}</summary>
        <p class="soft">${text.fairnessLead}</p>
        ${this.room.members.some((member) => member.isBot) ? html`<p class="soft" data-testid="bot-seed">${text.botSeed}</p>` : nothing}
        <dl>
          <dt>${text.commitment}</dt>
          <dd data-testid="commitment">${commitment ?? "–"}</dd>
          <dt>${text.serverSeed}</dt>
          <dd data-testid="server-seed" ?data-hidden=${serverSeed === null}>${serverSeed ?? text.seedHidden}</dd>
        </dl>
        ${this.findings()}
      </details>
    `;
  }

  private badge(): TemplateResult | typeof nothing {
    const { verdict } = this;
    if (!verdict) return nothing;
    const isRight = verdict.isCommitmentRight && verdict.wrong === 0;
    return html`<span class="chip ${isRight ? "good" : "bad"}" data-testid="verdict" data-right=${isRight}>${isRight ? "✓" : "✗"}</span>`;
  }

  private findings(): TemplateResult | typeof nothing {
    const { verdict } = this;
    if (!verdict) return nothing;
    return html`<p class=${verdict.isCommitmentRight ? "good" : "bad"}>
        ${verdict.isCommitmentRight ? text.checkMatches : text.checkFails}
      </p>
      ${
        verdict.checked > 0
          ? html`<p class=${verdict.wrong === 0 ? "good" : "bad"} data-testid="draws-checked">
            ${verdict.wrong === 0 ? text.drawsMatch(verdict.checked) : text.drawsFail(verdict.wrong)}
          </p>`
          : nothing
      }`;
  }

  private async check(room: RoomView): Promise<void> {
    const { serverSeed, commitment, playerSeeds, draws } = room.fairness;
    this.verdict = undefined;
    // Browsers offer their cryptography to secure pages only.
    if (!serverSeed || !globalThis.crypto?.subtle) return;
    const isCommitmentRight = (await commitmentOf(serverSeed)) === commitment?.toLowerCase();
    let wrong = 0;
    for (const { value, nonce } of playerSeeds ? draws : []) {
      const drawn = await draw(serverSeed, room.roomId, playerSeeds ?? [], nonce);
      if (drawn === null || drawn + 1 !== value) wrong += 1;
    }
    if (room.fairness === this.room.fairness) {
      this.verdict = { isCommitmentRight, checked: playerSeeds ? draws.length : 0, wrong };
    }
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
      p.good {
        color: var(--good);
        font-weight: 600;
      }
      p.bad {
        color: var(--bad);
        font-weight: 700;
      }
    `,
  ];
}

customElements.define("bs-fairness", FairnessPanel);

import type { RoomView } from "@blazing-sun/client";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { ui } from "../../ui.js";
import { marks, picture } from "./marks.js";
import { endOf, type Left } from "./table.js";
import { words } from "./words.js";

/** The board as it stood when the match ended, beside the result. */
export class LastBoard extends LitElement {
  static override properties = { room: { attribute: false } };
  declare room: RoomView;

  override render(): TemplateResult | typeof nothing {
    const end = endOf(this.room);
    if (!end) return nothing;
    return html`<figure>
      <div class="board" role="list" aria-label=${words.lastBoard} data-testid="last-board">
        ${end.board.map((mark, at) => this.cell(end, at, mark))}
      </div>
      ${end.lateId === null ? nothing : html`<figcaption class="soft">${words.timeout(this.name(end.lateId))}</figcaption>`}
    </figure>`;
  }

  private cell(end: Left, at: number, mark: Left["board"][number]): TemplateResult {
    const isInLine = end.line.includes(at);
    const isLast = end.lastMove === at;
    const notes = [isInLine ? words.inLine : "", isLast ? words.lastMove : ""].filter((note) => note !== "");
    const said = [words.cell(Math.floor(at / 3) + 1, (at % 3) + 1, mark), ...notes].join(", ");
    return html`<span role="listitem" aria-label=${said} data-testid="last-cell-${at}" data-mark=${mark ?? ""}
      ?data-line=${isInLine} ?data-last=${isLast}>${picture(mark)}</span>`;
  }

  private name(userId: string): string {
    return this.room.members.find((member) => member.userId === userId)?.username ?? userId;
  }

  static override styles = [
    ui,
    marks,
    css`
      :host {
        position: relative;
      }
      figure {
        display: grid;
        justify-items: center;
        gap: var(--space-2);
        margin: 0;
      }
      .board {
        display: grid;
        grid-template-columns: repeat(3, 64px);
        gap: 6px;
      }
      .board span {
        display: grid;
        place-items: center;
        height: 64px;
        border: 1px solid var(--line);
        border-radius: var(--radius-s);
        background: var(--surface-2);
      }
      .board [data-line] {
        border-color: var(--good);
        background: var(--good-soft);
        outline: 2px solid var(--good);
      }
      .board [data-last] svg {
        animation: placed 420ms var(--ease) 160ms backwards;
      }
      .board [data-last][data-line] {
        background: color-mix(in srgb, var(--good) 38%, var(--good-soft));
      }
      .board [data-last]:not([data-line]) {
        border-color: var(--sun-2);
        outline: 2px solid var(--sun-2);
      }
      @keyframes placed {
        from {
          opacity: 0;
          transform: scale(1.7);
        }
      }
      figcaption {
        overflow-wrap: anywhere;
      }
    `,
  ];
}

customElements.define("bs-tic-tac-toe-last-board", LastBoard);

import { css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { Row } from "../feed.js";
import { bytes, time } from "../format.js";
import { text } from "../texts.js";
import { scrollFor, windowOf } from "../virtual.js";
import { playerLink, roomLink, traceLink } from "./parts.js";
import { ui } from "./ui.js";

const ROW_HEIGHT = 30;
/** So many rows before the end the next ones are asked for. */
const NEAR_END = 60;
const PAGE_ROWS = 15;

/**
 * Any number of messages, of which only those are drawn that can be seen. Says `near-end` when more are wanted, and
 * `pick` with the row that is to be shown whole.
 */
export class MessageList extends LitElement {
  static override properties: PropertyDeclarations = {
    rows: { attribute: false },
    /** How many of `rows` came on top since it was last drawn. */
    added: { attribute: false },
    open: { attribute: false },
    current: { state: true },
    scrolled: { state: true },
  };
  declare rows: readonly Row[];
  declare added: number;
  declare open: string;
  declare private current: number;
  declare private scrolled: number;
  private height = 480;
  private sized: ResizeObserver | undefined;
  private shown: readonly Row[] | undefined;

  constructor() {
    super();
    this.rows = [];
    this.added = 0;
    this.open = "";
    this.current = 0;
    this.scrolled = 0;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sized?.disconnect();
  }

  override render(): TemplateResult {
    const { first, end } = windowOf(this.scrolled, this.height, ROW_HEIGHT, this.rows.length);
    const row = this.rows[this.current];
    const { columns } = text.messages;
    return html`<div class="grid" role="grid" tabindex="0" aria-label=${text.messages.title} aria-rowcount=${this.rows.length + 1}
        aria-activedescendant=${row && this.current >= first && this.current < end ? `row-${this.current}` : nothing}
        data-testid="message-list" data-rows=${this.rows.length} @scroll=${this.scrolledTo} @keydown=${this.pressed}>
      <div class="row head" role="row" aria-rowindex="1">${columns.map(
        (name) => html`<span role="columnheader">${name}</span>`,
      )}</div>
      <div class="space" role="presentation"></div>
      <div class="window" role="rowgroup">${this.rows
        .slice(first, end)
        .map((each, at) => this.drawn(each, first + at))}</div>
    </div>`;
  }

  private drawn(row: Row, at: number): TemplateResult {
    const id = idOf(row);
    return html`<div class="row" role="row" id=${`row-${at}`} aria-rowindex=${at + 2} aria-selected=${id === this.open}
        data-current=${at === this.current} data-testid="message" data-id=${id} @click=${(event: MouseEvent) => this.clicked(event, at)}>
      <span role="gridcell"><time datetime=${row.timestamp} title=${row.timestamp}>${time(row.timestamp)}</time></span>
      <span role="gridcell" class="mono">${row.partition}:${row.offset}</span>
      <span role="gridcell" class="ellipsis" title=${row.type}>${row.type || "–"}</span>
      <span role="gridcell">${playerLink(row.userId)}</span>
      <span role="gridcell">${roomLink(row.roomId)}</span>
      <span role="gridcell">${traceLink(row.correlationId)}</span>
      <span role="gridcell" class="number">${bytes(row.size)}</span>
      <span role="gridcell" class="ellipsis mono soft">${row.preview}</span>
    </div>`;
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("rows")) return;
    // What is read stays where it is while new rows come in above it.
    if (this.scrolled > 0 && this.added > 0 && this.shown && this.shown.length > 0) {
      this.current += this.added;
      this.scrolled += this.added * ROW_HEIGHT;
    }
    this.current = Math.min(this.current, Math.max(0, this.rows.length - 1));
    this.shown = this.rows;
  }

  protected override updated(): void {
    const { grid } = this;
    if (!grid) return;
    const { offset } = windowOf(this.scrolled, this.height, ROW_HEIGHT, this.rows.length);
    const space = this.renderRoot.querySelector<HTMLElement>(".space");
    const shownRows = this.renderRoot.querySelector<HTMLElement>(".window");
    // By script: the content policy keeps style attributes out.
    if (space) space.style.height = `${this.rows.length * ROW_HEIGHT}px`;
    if (shownRows) shownRows.style.transform = `translateY(${offset}px)`;
    if (grid.scrollTop !== this.scrolled) grid.scrollTop = this.scrolled;
    if (!this.sized && typeof ResizeObserver !== "undefined") {
      this.sized = new ResizeObserver(() => {
        this.height = grid.clientHeight;
        this.requestUpdate();
      });
      this.sized.observe(grid);
    }
    if (windowOf(this.scrolled, this.height, ROW_HEIGHT, this.rows.length).end > this.rows.length - NEAR_END) {
      this.dispatchEvent(new CustomEvent("near-end"));
    }
  }

  private get grid(): HTMLElement | null {
    return this.renderRoot.querySelector<HTMLElement>(".grid");
  }

  private readonly scrolledTo = () => {
    this.scrolled = this.grid?.scrollTop ?? 0;
  };

  private clicked(event: MouseEvent, at: number): void {
    this.current = at;
    if (event.composedPath().some((each) => each instanceof HTMLAnchorElement)) return;
    this.pick();
  }

  private pick(): void {
    const row = this.rows[this.current];
    if (row) this.dispatchEvent(new CustomEvent<Row>("pick", { detail: row }));
  }

  private readonly pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.rows.length - 1;
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: PAGE_ROWS,
      PageUp: -PAGE_ROWS,
      Home: -last,
      End: last,
    };
    const step = steps[event.key];
    if (event.key === "Enter" && !event.composedPath().some((each) => each instanceof HTMLAnchorElement)) this.pick();
    else if (step !== undefined) this.moveTo(Math.min(last, Math.max(0, this.current + step)));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  private moveTo(row: number): void {
    this.current = row;
    const scrollTop = scrollFor(row, this.scrolled, this.height - ROW_HEIGHT, ROW_HEIGHT);
    if (scrollTop !== undefined) this.scrolled = scrollTop;
  }

  static override styles = [
    ui,
    css`
      .grid {
        position: relative;
        height: min(62dvh, 44rem);
        min-height: 16rem;
        border: 1px solid var(--line);
        border-radius: 10px;
        background: var(--surface);
        overflow: auto;
        contain: strict;
      }
      .row {
        display: grid;
        grid-template-columns: 11.5rem 6rem 17rem 5rem 7.5rem 7.5rem 5rem minmax(14rem, 1fr);
        flex-wrap: nowrap;
        align-items: center;
        gap: 0 var(--space-3);
        min-width: 82rem;
        height: 30px;
        padding: 0 var(--space-3);
        border-bottom: 1px solid var(--line);
        white-space: nowrap;
        cursor: default;
      }
      .row .number {
        text-align: right;
      }
      .head {
        position: sticky;
        top: 0;
        z-index: 1;
        background: var(--surface-2);
        color: var(--text-2);
        font-size: 0.82rem;
        font-weight: 650;
      }
      .space {
        width: 1px;
      }
      .window {
        position: absolute;
        top: 30px;
        left: 0;
        right: 0;
        min-width: 82rem;
      }
      .window .row:hover {
        background: var(--surface-2);
      }
      .row[data-current="true"] {
        box-shadow: inset 3px 0 var(--accent);
      }
      .row[aria-selected="true"] {
        background: color-mix(in srgb, var(--sun-1) 14%, var(--surface));
      }
    `,
  ];
}

export function idOf({ partition, offset }: Pick<Row, "partition" | "offset">): string {
  return `${partition}-${offset}`;
}

customElements.define("bc-message-list", MessageList);

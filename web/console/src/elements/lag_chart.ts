import { css, html, LitElement, nothing, type PropertyDeclarations, svg, type TemplateResult } from "lit";
import { ticksOf } from "../chart.js";
import { clock, count, time } from "../format.js";
import { text } from "../texts.js";
import type { LagSample } from "../types.js";
import { ui } from "./ui.js";

const WIDTH = 720;
const HEIGHT = 200;
const LEFT = 56;
const BOTTOM = 24;
const TOP = 10;
const RIGHT = 12;
const SMALL = { width: 140, height: 28 };

/** A group's lag over time; small, it is a line alone. */
export class LagChart extends LitElement {
  static override properties: PropertyDeclarations = {
    samples: { attribute: false },
    isSmall: { type: Boolean },
    at: { state: true },
  };
  declare samples: readonly LagSample[];
  declare isSmall: boolean;
  /** Which sample is pointed at. */
  declare private at: number | undefined;

  constructor() {
    super();
    this.samples = [];
    this.isSmall = false;
  }

  override render(): TemplateResult | typeof nothing {
    const lags = this.samples.map(({ lag }) => lag);
    const most = Math.max(0, ...lags);
    const words = text.groups.chart(count(lags.at(-1) ?? 0), count(most), this.samples.length);
    return this.isSmall ? this.line(most, words) : this.chart(most, words);
  }

  private line(most: number, words: string): TemplateResult {
    const { width, height } = SMALL;
    const points = this.points(most, 1, width - 2, 2, height - 4);
    return html`<svg class="small" viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height} role="img" aria-label=${words}>
      ${svg`<polyline points=${points} />`}</svg>`;
  }

  private chart(most: number, words: string): TemplateResult {
    const ticks = ticksOf(most);
    const top = ticks.at(-1) ?? 1;
    const [width, height] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
    const points = this.points(top, LEFT, width, TOP, height);
    const base = TOP + height;
    const area = points === "" ? "" : `${LEFT},${base} ${points} ${LEFT + width},${base}`;
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    return html`<svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${words} data-testid="lag-chart"
        data-samples=${this.samples.length} @pointermove=${this.point} @pointerleave=${this.leave}>
      ${ticks.map((tick) => {
        const y = base - (tick / top) * height;
        return svg`<line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y} y2=${y} />
          <text x=${LEFT - 8} y=${y + 4} text-anchor="end">${count(tick)}</text>`;
      })}
      ${svg`<polygon points=${area} /><polyline points=${points} />
        <text x=${LEFT} y=${HEIGHT - 6}>${clock(first?.at)}</text>
        <text x=${WIDTH - RIGHT} y=${HEIGHT - 6} text-anchor="end">${clock(last?.at)}</text>`}
      ${this.cross(top, width, height)}
    </svg>
    <p class="soft said" aria-hidden="true">${this.pointed() ?? words}</p>`;
  }

  private cross(top: number, width: number, height: number): TemplateResult | typeof nothing {
    const sample = this.at === undefined ? undefined : this.samples[this.at];
    if (!sample || this.at === undefined) return nothing as unknown as TemplateResult;
    const x = LEFT + (this.at / Math.max(1, this.samples.length - 1)) * width;
    const y = TOP + height - (sample.lag / top) * height;
    return svg`<line class="cross" x1=${x} x2=${x} y1=${TOP} y2=${TOP + height} /><circle cx=${x} cy=${y} r="4" />`;
  }

  private pointed(): string | undefined {
    const sample = this.at === undefined ? undefined : this.samples[this.at];
    return sample && `${time(sample.at)} · ${text.groups.lag}: ${count(sample.lag)}`;
  }

  private points(most: number, left: number, width: number, top: number, height: number): string {
    const last = Math.max(1, this.samples.length - 1);
    return this.samples
      .map(({ lag }, at) => {
        const x = left + (at / last) * width;
        const y = top + height - (most === 0 ? 0 : lag / most) * height;
        return `${x.toFixed(1)},${y.toFixed(1)}`;
      })
      .join(" ");
  }

  private readonly point = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as SVGElement).getBoundingClientRect();
    const x = ((event.clientX - left) / width) * WIDTH;
    const part = (x - LEFT) / (WIDTH - LEFT - RIGHT);
    const at = Math.round(part * (this.samples.length - 1));
    this.at = at >= 0 && at < this.samples.length ? at : undefined;
  };

  private readonly leave = () => {
    this.at = undefined;
  };

  static override styles = [
    ui,
    css`
      svg {
        display: block;
        width: 100%;
        height: auto;
        overflow: visible;
      }
      svg.small {
        width: 140px;
      }
      polyline {
        fill: none;
        stroke: var(--accent);
        stroke-width: 1.8;
        stroke-linejoin: round;
      }
      polygon {
        fill: color-mix(in srgb, var(--accent) 14%, transparent);
      }
      .grid {
        stroke: var(--line);
      }
      .cross {
        stroke: var(--line-2);
        stroke-dasharray: 3 3;
      }
      circle {
        fill: var(--accent);
      }
      text {
        fill: var(--text-2);
        font-family: var(--mono);
        font-size: 11px;
      }
      /* The drawing shrinks with the page, what is read in it does not. */
      @media (max-width: 40rem) {
        text {
          font-size: 22px;
        }
      }
      .said {
        font-size: 0.86rem;
      }
    `,
  ];
}

customElements.define("bc-lag-chart", LagChart);

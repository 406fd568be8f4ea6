import { css, html, LitElement, type TemplateResult } from "lit";

// Cells of a 3×3 grid that carry a pip, by the face's value.
const PIPS: readonly (readonly number[])[] = [
  [],
  [4],
  [2, 6],
  [2, 4, 6],
  [0, 2, 6, 8],
  [0, 2, 4, 6, 8],
  [0, 2, 3, 5, 6, 8],
];

// How the cube is turned so that a face looks at the player.
const TURNS: readonly (readonly [x: number, y: number])[] = [
  [0, 0],
  [0, 0],
  [0, -90],
  [-90, 0],
  [90, 0],
  [0, 90],
  [0, 180],
];

function pips(value: number): TemplateResult[] {
  const on = PIPS[value] ?? [];
  return Array.from({ length: 9 }, (_, cell) => html`<i ?data-on=${on.includes(cell)}></i>`);
}

const face = css`
  .face {
    display: grid;
    grid-template: repeat(3, 1fr) / repeat(3, 1fr);
    padding: 15%;
    gap: 6%;
    border-radius: 20%;
    background: linear-gradient(145deg, #fffdf8, #f1e4cf);
    box-shadow: inset 0 0 0 1px #00000014, inset 0 -4px 8px #b4824033;
  }
  .face i {
    border-radius: 50%;
  }
  .face i[data-on] {
    background: radial-gradient(circle at 35% 30%, #6b3a12, #2b1402);
  }
`;

/** One face of a die; an empty one for a throw that is still to come. */
export class Face extends LitElement {
  static override properties = { value: { type: Number, reflect: true } };
  declare value: number;

  override render(): TemplateResult {
    return html`<div class="face" role="img" aria-label=${this.value ? String(this.value) : "–"}>${pips(this.value)}</div>`;
  }

  static override styles = [
    face,
    css`
      :host {
        display: inline-block;
        flex: none;
        width: var(--size, 44px);
        height: var(--size, 44px);
        filter: drop-shadow(0 3px 6px #0000002e);
      }
      .face {
        box-sizing: border-box;
        width: 100%;
        height: 100%;
      }
      :host([value="0"]) {
        filter: none;
      }
      :host([value="0"]) .face {
        background: transparent;
        box-shadow: inset 0 0 0 2px var(--line);
      }
    `,
  ];
}

/** A die that tumbles to its value: each new `throwKey` is a new throw, also to the same value. */
export class Die extends LitElement {
  static override properties = {
    value: { type: Number, reflect: true },
    throwKey: { attribute: false },
    isShaking: { type: Boolean, reflect: true, attribute: "shaking" },
  };
  declare value: number;
  declare throwKey: string;
  declare isShaking: boolean;
  private turns = 0;
  private isFirst = true;

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("throwKey")) return;
    // The throw that was there when the page opened lies still.
    if (!this.isFirst) this.turns += 1;
    this.isFirst = false;
  }

  protected override updated(): void {
    const [x, y] = TURNS[this.value] ?? [0, 0];
    this.style.setProperty("--x", `${x + 360 * 2 * this.turns}deg`);
    this.style.setProperty("--y", `${y + 360 * this.turns}deg`);
  }

  override render(): TemplateResult {
    return html`
      <div class="tilt" role="img" aria-label=${this.value ? String(this.value) : "–"}>
        <div class="cube">${[1, 2, 3, 4, 5, 6].map((value) => html`<div class="face f${value}">${pips(value)}</div>`)}</div>
      </div>
    `;
  }

  static override styles = [
    face,
    css`
      :host {
        --size: 104px;
        display: block;
        width: var(--size);
        height: var(--size);
        perspective: 640px;
      }
      .tilt {
        width: 100%;
        height: 100%;
        transform: rotateX(-14deg) rotateY(16deg);
        transform-style: preserve-3d;
      }
      .cube {
        position: relative;
        width: 100%;
        height: 100%;
        transform: rotateX(var(--x, 0deg)) rotateY(var(--y, 0deg));
        transform-style: preserve-3d;
        transition: transform 760ms cubic-bezier(0.2, 0.85, 0.25, 1.04);
      }
      .face {
        position: absolute;
        inset: 0;
        box-sizing: border-box;
        border-radius: 16%;
        backface-visibility: hidden;
        transform-style: preserve-3d;
      }
      /* A smaller cube with whole corners inside, so that the rounded ones do not show daylight. */
      .face::before {
        content: "";
        position: absolute;
        inset: 4%;
        background: #dfcbaa;
        transform: translateZ(calc(var(--size) * -0.04));
        backface-visibility: hidden;
      }
      .f1 {
        transform: translateZ(calc(var(--size) / 2));
      }
      .f2 {
        transform: rotateY(90deg) translateZ(calc(var(--size) / 2));
      }
      .f3 {
        transform: rotateX(90deg) translateZ(calc(var(--size) / 2));
      }
      .f4 {
        transform: rotateX(-90deg) translateZ(calc(var(--size) / 2));
      }
      .f5 {
        transform: rotateY(-90deg) translateZ(calc(var(--size) / 2));
      }
      .f6 {
        transform: rotateY(180deg) translateZ(calc(var(--size) / 2));
      }
      :host([shaking]) .tilt {
        animation: shake 320ms linear infinite;
      }
      @keyframes shake {
        25% {
          transform: rotateX(-30deg) rotateY(40deg) translateY(-10px);
        }
        75% {
          transform: rotateX(8deg) rotateY(-14deg) translateY(6px);
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .cube {
          transition: none;
        }
        :host([shaking]) .tilt {
          animation: none;
        }
      }
    `,
  ];
}

customElements.define("bs-face", Face);
customElements.define("bs-die", Die);

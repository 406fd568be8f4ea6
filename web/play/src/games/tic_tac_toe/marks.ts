import { css, html, nothing, type TemplateResult } from "lit";
import type { Mark } from "./table.js";

export function picture(mark: Mark | null): TemplateResult | typeof nothing {
  if (mark === null) return nothing;
  return mark === "X"
    ? html`<svg viewBox="0 0 100 100" aria-hidden="true"><path d="M20 20 80 80M80 20 20 80" /></svg>`
    : html`<svg viewBox="0 0 100 100" aria-hidden="true"><circle cx="50" cy="50" r="32" /></svg>`;
}

export const marks = css`
  svg {
    width: 62%;
    fill: none;
    stroke-width: 13;
    stroke-linecap: round;
  }
  [data-mark="X"] svg {
    stroke: var(--sun-2);
  }
  [data-mark="O"] svg {
    stroke: light-dark(#6d4fd0, #a78bfa);
  }
`;

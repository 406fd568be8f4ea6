import { css } from "lit";

/** What every shadow root of the console shares: dense and calm, for those who look at it all day. */
export const ui = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    display: block;
    min-width: 0;
  }
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
  }
  ul,
  ol {
    padding: 0;
    list-style: none;
  }
  h1 {
    font-size: 1.3rem;
    line-height: 1.3;
    letter-spacing: -0.01em;
    overflow-wrap: anywhere;
  }
  h2 {
    font-size: 1rem;
    line-height: 1.4;
  }
  a {
    color: var(--accent);
    text-decoration-color: color-mix(in srgb, var(--accent) 45%, transparent);
    text-underline-offset: 3px;
  }
  a:hover {
    text-decoration-color: currentColor;
  }
  button,
  input,
  select,
  textarea {
    font: inherit;
    color: inherit;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-height: 34px;
    padding: 0 var(--space-3);
    border: 1px solid var(--line);
    border-radius: var(--radius-s);
    background: var(--surface-2);
    color: inherit;
    font-weight: 600;
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
  }
  button:hover:not(:disabled),
  .button:hover {
    background: var(--surface-3);
  }
  button[aria-disabled="true"] {
    cursor: progress;
    opacity: 0.75;
  }
  button:disabled {
    opacity: 0.5;
    cursor: not-allowed;
  }
  button.primary {
    border-color: transparent;
    background: var(--sun-2);
    color: var(--on-sun);
  }
  button.danger {
    border-color: color-mix(in srgb, var(--bad) 50%, var(--line));
    color: var(--bad);
  }
  button.small,
  .button.small {
    min-height: 28px;
    padding: 0 var(--space-2);
    font-size: 0.86rem;
  }
  button.plain {
    border-color: transparent;
    background: transparent;
  }
  button[aria-pressed="true"],
  button[aria-current="true"] {
    border-color: var(--accent);
    background: var(--surface-3);
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 1px;
  }
  label {
    display: grid;
    gap: 2px;
    font-size: 0.86rem;
    font-weight: 600;
    color: var(--text-2);
  }
  input,
  select,
  textarea {
    width: 100%;
    min-height: 34px;
    padding: 0 var(--space-2);
    border: 1px solid var(--line-2);
    border-radius: var(--radius-s);
    background: var(--bg);
    color: var(--text);
    font-weight: 400;
  }
  textarea {
    padding-block: var(--space-2);
    min-height: 5rem;
    resize: vertical;
  }
  .card {
    padding: var(--space-4);
    border: 1px solid var(--line);
    border-radius: 10px;
    background: var(--surface);
  }
  .stack {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--space-4);
    align-content: start;
  }
  .row {
    display: flex;
    align-items: center;
    flex-wrap: wrap;
    gap: var(--space-2);
  }
  .grow {
    flex: 1;
    min-width: 0;
  }
  .heading {
    min-height: 34px;
  }
  /* What stands beside it goes below before words are broken apart. */
  .heading > h1 {
    flex-basis: min(14rem, 100%);
  }
  .soft {
    color: var(--text-2);
  }
  .mono,
  .id,
  time,
  pre,
  code {
    font-family: var(--mono);
    font-size: 0.92em;
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  .ellipsis {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .chip {
    display: inline-flex;
    align-items: center;
    padding: 1px 8px;
    border-radius: var(--radius-pill);
    background: var(--surface-2);
    color: var(--text-2);
    font-size: 0.82rem;
    font-weight: 650;
    white-space: nowrap;
  }
  .chip.good {
    background: var(--good-soft);
    color: var(--good);
  }
  .chip.warn {
    background: var(--warn-soft);
    color: var(--warn);
  }
  .chip.bad {
    background: var(--bad-soft);
    color: var(--bad);
  }
  .scroll {
    overflow-x: auto;
    border: 1px solid var(--line);
    border-radius: 10px;
    background: var(--surface);
  }
  table {
    width: 100%;
    border-collapse: collapse;
  }
  th,
  td {
    padding: 6px var(--space-3);
    text-align: left;
    white-space: nowrap;
  }
  th {
    background: var(--surface-2);
    color: var(--text-2);
    font-size: 0.82rem;
    font-weight: 650;
  }
  td {
    border-top: 1px solid var(--line);
  }
  td.wrap {
    min-width: 16rem;
    white-space: normal;
    overflow-wrap: anywhere;
  }
  th.number,
  td.number {
    text-align: right;
  }
  tbody tr:hover {
    background: color-mix(in srgb, var(--surface-2) 70%, transparent);
  }
  tr:focus-visible {
    outline-offset: -2px;
  }
  .facts {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(11rem, 100%), 1fr));
    gap: var(--space-3) var(--space-4);
  }
  .facts dt {
    color: var(--text-2);
    font-size: 0.82rem;
    font-weight: 600;
  }
  .facts dd {
    overflow-wrap: anywhere;
  }
  .facts .chip {
    white-space: normal;
  }
  .empty {
    padding: var(--space-5);
    color: var(--text-2);
    text-align: center;
  }
  .more {
    display: flex;
    justify-content: center;
    padding-top: var(--space-3);
  }
  .failure {
    display: flex;
    align-items: center;
    justify-content: space-between;
    flex-wrap: wrap;
    gap: var(--space-3);
    padding: var(--space-3) var(--space-4);
    border: 1px solid color-mix(in srgb, var(--bad) 45%, var(--line));
    border-radius: 10px;
    background: var(--bad-soft);
    color: var(--bad);
    overflow-wrap: anywhere;
  }
  .failure button {
    color: var(--text);
  }
  .filters {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(9.5rem, 100%), 1fr));
    gap: var(--space-2) var(--space-3);
    align-items: end;
  }
  /* Laid out by rows, a summary has no mark of its own. */
  summary.row::before,
  summary.mark::before {
    content: "▸";
    color: var(--text-2);
    transition: rotate var(--fast);
  }
  details[open] > summary.row::before,
  details[open] > summary.mark::before {
    rotate: 90deg;
  }
  .tabs {
    display: flex;
    flex-wrap: wrap;
    gap: var(--space-1);
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  dialog {
    width: min(34rem, calc(100vw - 2 * var(--space-4)));
    padding: var(--space-5);
    border: 1px solid var(--line);
    border-radius: var(--radius-m);
    background: var(--surface);
    color: var(--text);
    box-shadow: var(--shadow);
  }
  dialog::backdrop {
    background: #0b0714a6;
  }
  @media (pointer: coarse) {
    button,
    .button,
    input,
    select {
      min-height: 40px;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 1ms !important;
      transition: none !important;
    }
  }
`;

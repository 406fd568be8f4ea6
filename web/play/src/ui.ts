import { css } from "lit";

/** What every shadow root shares: buttons, fields, cards, chips. */
export const ui = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    display: block;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p {
    margin: 0;
  }
  h1 {
    font-size: var(--text-xl);
    line-height: 1.2;
    letter-spacing: -0.01em;
    overflow-wrap: anywhere;
  }
  h2 {
    font-size: var(--text-l);
    line-height: 1.3;
  }
  button,
  input,
  select {
    font: inherit;
    color: inherit;
  }
  button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--space-2);
    min-height: 42px;
    padding: 0 var(--space-4);
    border: 1px solid var(--line);
    border-radius: var(--radius-pill);
    background: var(--surface-2);
    font-weight: 650;
    cursor: pointer;
    transition:
      transform var(--fast) var(--ease),
      background var(--fast),
      box-shadow var(--fast);
  }
  button:hover:not(:disabled) {
    background: var(--surface-3);
  }
  button:active:not(:disabled) {
    transform: translateY(1px) scale(0.985);
  }
  button:disabled {
    opacity: 0.5;
    cursor: not-allowed;
  }
  button[aria-disabled="true"] {
    cursor: progress;
  }
  button[aria-busy="true"]::before {
    content: "";
    flex: none;
    width: 1em;
    height: 1em;
    border: 2px solid currentColor;
    border-right-color: transparent;
    border-radius: 50%;
    animation: wait 800ms linear infinite;
  }
  @keyframes wait {
    to {
      rotate: 1turn;
    }
  }
  button.primary {
    border-color: transparent;
    background: var(--sun);
    color: var(--on-sun);
    box-shadow: 0 4px 16px #ff8a2b40;
  }
  button.primary:hover:not(:disabled) {
    background: var(--sun);
    box-shadow: 0 6px 22px #ff8a2b73;
  }
  button.large {
    min-height: 54px;
    padding: 6px var(--space-6);
    font-size: var(--text-l);
  }
  button.small {
    min-height: 34px;
    padding: 0 var(--space-3);
    font-size: var(--text-s);
  }
  button.plain {
    border-color: transparent;
    background: transparent;
  }
  :focus-visible {
    outline: 3px solid var(--accent);
    outline-offset: 2px;
  }
  label {
    display: grid;
    gap: var(--space-1);
    font-size: var(--text-s);
    font-weight: 600;
    color: var(--text-2);
  }
  input,
  select {
    width: 100%;
    min-height: 44px;
    padding: 0 var(--space-3);
    border: 1px solid var(--line-2);
    border-radius: var(--radius-s);
    background: var(--bg);
    color: var(--text);
    font-size: 1rem;
    font-weight: 400;
  }
  .card {
    padding: var(--space-5);
    border: 1px solid var(--line);
    border-radius: var(--radius-l);
    background: var(--surface);
    box-shadow: var(--shadow);
  }
  .chip {
    display: inline-flex;
    align-items: center;
    gap: var(--space-1);
    padding: 2px 10px;
    border-radius: var(--radius-pill);
    background: var(--surface-2);
    color: var(--text-2);
    font-size: var(--text-s);
    font-weight: 600;
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
  .chip.bot {
    border: 1px solid color-mix(in srgb, var(--accent) 55%, var(--line));
    background: transparent;
    color: var(--text);
  }
  .badge {
    display: inline-grid;
    place-items: center;
    min-width: 20px;
    height: 20px;
    padding: 0 6px;
    border-radius: var(--radius-pill);
    background: var(--sun);
    color: var(--on-sun);
    font-size: 0.75rem;
    font-weight: 800;
    font-variant-numeric: tabular-nums;
  }
  .check {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    min-height: 44px;
    color: var(--text);
  }
  .check input {
    width: 22px;
    min-height: 22px;
    height: 22px;
    margin: 0;
    accent-color: var(--sun-2);
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .soft {
    color: var(--text-2);
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  .row {
    display: flex;
    align-items: center;
    gap: var(--space-3);
    flex-wrap: wrap;
  }
  .grow {
    flex: 1;
    min-width: 0;
  }
  .stack {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--space-4);
  }
  .ellipsis {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .price {
    display: grid;
    grid-template-columns: 1fr 1fr;
    gap: 1px;
    overflow: hidden;
    border: 1px solid var(--line);
    border-radius: var(--radius-m);
    background: var(--line);
  }
  .price > div {
    padding: var(--space-3) var(--space-4);
    background: var(--surface-2);
  }
  .price dt {
    font-size: var(--text-s);
    color: var(--text-2);
  }
  .price dd {
    margin: 0;
    font-size: var(--text-l);
    font-weight: 750;
    font-variant-numeric: tabular-nums;
  }
  .price .prize dd {
    color: var(--accent);
  }
  dl {
    margin: 0;
  }
  dialog {
    width: min(30rem, calc(100vw - 2 * var(--space-4)));
    padding: var(--space-5);
    border: 1px solid var(--line);
    border-radius: var(--radius-l);
    background: var(--surface);
    color: var(--text);
    box-shadow: var(--shadow);
  }
  dialog::backdrop {
    background: #0b0714a6;
    backdrop-filter: blur(3px);
  }
  dialog[open] {
    animation: rise 220ms var(--ease);
  }
  @keyframes rise {
    from {
      opacity: 0;
      transform: translateY(10px);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 1ms !important;
      animation-delay: 0ms !important;
      animation-iteration-count: 1 !important;
      transition: none !important;
    }
  }
`;

const AVATAR_HUES = [18, 42, 96, 152, 190, 222, 262, 300, 334];

/** A colour that stays with a user. */
export function hueOf(userId: string): number {
  let sum = 0;
  for (const char of userId) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return AVATAR_HUES[sum % AVATAR_HUES.length] ?? 18;
}

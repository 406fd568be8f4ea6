import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { Console } from "../console.js";
import type { Paged } from "../paged.js";
import type { Remote } from "../remote.js";
import { text } from "../texts.js";
import { wordsFor } from "../words.js";

/** An element that redraws whenever the console's state changes. */
export abstract class ConsoleElement extends LitElement {
  static override properties: PropertyDeclarations = { console: { attribute: false } };
  declare console: Console;
  private leave: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.leave = this.console.subscribe(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.leave?.();
  }
}

/** What the server answered, or that it has not, or why it did not. */
export function shown<T>(remote: Remote<T>, draw: (data: T) => unknown): unknown {
  const { data, error, isLoading } = remote;
  if (data === undefined && error !== undefined) return failure(error, () => void remote.reload());
  if (data === undefined) return waiting();
  return html`${error === undefined ? nothing : stale(error, () => void remote.reload(), isLoading)}${draw(data)}`;
}

/** A list in pages, what is below it included; `draw` is not asked for an empty one. */
export function listed<T>(paged: Paged<T>, empty: string, draw: (items: readonly T[]) => unknown): unknown {
  const { items, error, isLoading, isLoaded, isAtEnd } = paged;
  if (!isLoaded) return error === undefined ? waiting() : failure(error, () => void paged.again());
  return html`
    ${items.length === 0 ? html`<p class="empty" data-testid="empty">${empty}</p>` : draw(items)}
    ${error === undefined ? nothing : failure(error, () => void paged.again())}
    ${
      isAtEnd || error !== undefined
        ? nothing
        : html`<p class="more"><button data-testid="more" aria-disabled=${isLoading} @click=${() => void paged.more()}>
            ${isLoading ? text.loading : text.more}</button></p>`
    }`;
}

export function waiting(): TemplateResult {
  return html`<p class="empty" role="status" data-testid="loading">${text.loading}</p>`;
}

export function failure(error: unknown, again: () => void): TemplateResult {
  return html`<div class="failure" role="alert" data-testid="failure">
    <p>${wordsFor(error)}</p><button class="small" data-testid="again" @click=${again}>${text.again}</button>
  </div>`;
}

function stale(error: unknown, again: () => void, isLoading: boolean): TemplateResult {
  return html`<div class="failure" role="alert" data-testid="stale">
    <p>${text.stale(wordsFor(error))}</p>
    <button class="small" data-testid="again" aria-disabled=${isLoading} @click=${again}>${text.again}</button>
  </div>`;
}

import { css, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { jsonText, visible } from "../commands.js";
import { linkOf } from "../json_links.js";
import { text } from "../texts.js";
import { ui } from "./ui.js";

const INDENT = "  ";
/** Of one list or object; the rest is a press away. */
const SHOWN_MAX = 200;

/** JSON with its ids as links. What it shows is text, whatever it holds. */
export class JsonView extends LitElement {
  static override properties: PropertyDeclarations = {
    value: { attribute: false },
    label: { attribute: false },
    isWhole: { state: true },
  };
  declare value: unknown;
  declare label: string;
  declare private isWhole: boolean;

  constructor() {
    super();
    this.label = "JSON";
    this.isWhole = false;
  }

  override render(): TemplateResult {
    return html`<pre tabindex="0" role="region" aria-label=${this.label} data-testid="json">${this.drawn(this.value, "", "")}</pre>`;
  }

  private drawn(value: unknown, name: string, indent: string): unknown {
    if (Array.isArray(value)) {
      const items = value.map((item) => this.drawn(item, name, indent + INDENT));
      return this.block("[", "]", items, indent);
    }
    if (typeof value === "object" && value !== null) {
      const items = Object.entries(value).map(
        ([key, item]) =>
          html`<span class="key">${visible(JSON.stringify(key))}</span>: ${this.drawn(item, key, indent + INDENT)}`,
      );
      return this.block("{", "}", items, indent);
    }
    const path = linkOf(name, value);
    const written = visible(jsonText(value));
    if (path !== undefined) return html`<a href=${path}>${written}</a>`;
    return html`<span class=${typeof value}>${written}</span>`;
  }

  private block(open: string, close: string, items: readonly unknown[], indent: string): unknown {
    if (items.length === 0) return `${open}${close}`;
    const shown = this.isWhole ? items : items.slice(0, SHOWN_MAX);
    const more = items.length - shown.length;
    return html`${open}\n${shown.map(
      (item, at) => html`${indent + INDENT}${item}${at < items.length - 1 ? "," : ""}\n`,
    )}${
      more > 0
        ? html`${indent + INDENT}<button class="small" @click=${() => {
            this.isWhole = true;
          }}>${text.json.more(more)}</button>\n`
        : nothing
    }${indent}${close}`;
  }

  static override styles = [
    ui,
    css`
      pre {
        margin: 0;
        padding: var(--space-3);
        max-height: 60dvh;
        border: 1px solid var(--line);
        border-radius: var(--radius-s);
        background: var(--bg);
        overflow: auto;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        line-height: 1.5;
      }
      .key {
        color: var(--text-2);
      }
      .string {
        color: var(--good);
      }
      .number,
      .boolean {
        color: var(--warn);
      }
      .object {
        color: var(--text-2);
      }
    `,
  ];
}

customElements.define("bc-json", JsonView);

import { html, type TemplateResult } from "lit";
import { heading } from "../elements/parts.js";
import { pathOf } from "../routes.js";
import { text } from "../texts.js";
import { Page } from "./page.js";

/** Where an id is asked for. */
export class TraceAsk extends Page {
  protected content(): TemplateResult {
    return html`${heading(text.nav.trace)}
      <p>${text.trace.lead}</p>
      <form class="card filters" @submit=${this.submit}>
        <label>${text.trace.id}<input name="id" required autocomplete="off" spellcheck="false" data-testid="trace-id" /></label>
        <div class="row"><button class="primary" data-testid="trace-submit">${text.trace.submit}</button></div>
      </form>`;
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const id = String(new FormData(event.target as HTMLFormElement).get("id") ?? "").trim();
    if (id !== "") this.console.go(pathOf({ page: "traced", id }));
  };
}

customElements.define("bc-trace", TraceAsk);

import { type CSSResultGroup, html, nothing, type TemplateResult } from "lit";
import "../elements/ask.js";
import type { Ask, Question } from "../elements/ask.js";
import { ConsoleElement } from "../elements/element.js";
import { ui } from "../elements/ui.js";

/** A page: its heading, and what is below it. */
export abstract class Page extends ConsoleElement {
  protected abstract content(): unknown;

  override render(): TemplateResult {
    return html`<div class="stack">${this.content() ?? nothing}</div><bc-ask></bc-ask>`;
  }

  /** Asks before something is done, and tells what came of it. */
  protected confirm(question: Question, done: string): void {
    const act = async (values: Readonly<Record<string, string>>) => {
      await question.act(values);
      this.console.tell("good", done);
    };
    this.renderRoot.querySelector<Ask>("bc-ask")?.open({ ...question, act });
  }

  /** Puts what is asked for into the address, where it can be copied and gone back to. */
  protected ask(changes: Readonly<Record<string, string | undefined>>): void {
    const query = new URLSearchParams(this.console.query);
    for (const [name, value] of Object.entries(changes)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    const asked = query.toString();
    this.console.go(asked === "" ? this.console.path : `${this.console.path}?${asked}`, { replace: true });
  }

  static override styles: CSSResultGroup = [ui];
}

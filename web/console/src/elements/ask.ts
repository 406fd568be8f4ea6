import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { deepFocus } from "../keys.js";
import { text } from "../texts.js";
import { wordsFor } from "../words.js";
import { ui } from "./ui.js";

export interface Field {
  name: string;
  label: string;
  type?: "text" | "number" | "textarea" | "datetime";
  /** Left out, it has to be filled in. */
  isOptional?: boolean;
  step?: string;
  hint?: string;
}

export interface Question {
  title: string;
  /** What will come of it, in words. */
  lead: unknown;
  fields: readonly Field[];
  confirm: string;
  isDangerous?: boolean;
  /** Does it; what it throws is shown, and the dialog stays. */
  act: (values: Readonly<Record<string, string>>) => Promise<void>;
}

/** A dialog before anything that changes something: what will happen, why, and a way out. */
export class Ask extends LitElement {
  static override properties = {
    question: { state: true },
    problem: { state: true },
    isBusy: { state: true },
  };
  declare private question: Question | undefined;
  declare private problem: string;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.problem = "";
    this.isBusy = false;
  }

  open(question: Question): void {
    this.question = question;
    this.problem = "";
  }

  protected override updated(): void {
    const dialog = this.renderRoot.querySelector("dialog");
    if (dialog && !dialog.open) dialog.showModal();
  }

  override render(): TemplateResult | typeof nothing {
    const { question } = this;
    if (!question) return nothing;
    return html`<dialog aria-labelledby="title" data-testid="ask" @close=${this.closed} @cancel=${this.cancelled}>
      <form class="stack" @submit=${this.submit}>
        <h2 id="title">${question.title}</h2>
        <div class="lead">${question.lead}</div>
        ${question.fields.map((field) => this.field(field))}
        ${this.problem ? html`<p class="problem" role="alert" data-testid="ask-problem">${this.problem}</p>` : nothing}
        <div class="row end">
          <button type="button" data-testid="ask-cancel" @click=${this.dismiss}>${text.cancel}</button>
          <button class=${question.isDangerous ? "danger" : "primary"} aria-disabled=${this.isBusy} data-testid="ask-confirm">
            ${this.isBusy ? text.working : question.confirm}</button>
        </div>
      </form>
    </dialog>`;
  }

  private field({ name, label, type = "text", isOptional, step, hint }: Field): TemplateResult {
    const testId = `ask-${name}`;
    const isRequired = !isOptional;
    return html`<label>${label}${hint ? html`<span class="soft hint">${hint}</span>` : nothing}${
      type === "textarea"
        ? html`<textarea name=${name} ?required=${isRequired} maxlength="500" data-testid=${testId}></textarea>`
        : html`<input name=${name} type=${type === "number" ? "number" : "text"} step=${step ?? nothing} ?required=${isRequired}
            maxlength="200" autocomplete="off" data-testid=${testId} />`
    }</label>`;
  }

  private readonly submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const { question } = this;
    if (!question || this.isBusy) return;
    const fields = new FormData(event.target as HTMLFormElement);
    const values = Object.fromEntries([...fields].map(([name, value]) => [name, String(value).trim()]));
    const empty = question.fields.find(({ name, isOptional }) => !isOptional && !values[name]);
    if (empty) {
      this.problem = text.isEmpty(empty.label);
      return;
    }
    this.isBusy = true;
    this.problem = "";
    try {
      await question.act(values);
      this.isBusy = false;
      this.dismiss();
    } catch (error) {
      this.problem = wordsFor(error);
    } finally {
      this.isBusy = false;
    }
  };

  private readonly dismiss = () => this.renderRoot.querySelector("dialog")?.close();

  /** What is under way is not to be lost sight of. */
  private readonly cancelled = (event: Event) => {
    if (this.isBusy) event.preventDefault();
  };

  /** The browser gives the focus back to what opened it, if that is still there. */
  private readonly closed = async () => {
    this.question = undefined;
    await this.updateComplete;
    const page = this.getRootNode();
    const isLost = deepFocus() === document.body;
    if (isLost && page instanceof ShadowRoot) page.host.closest("main")?.focus({ preventScroll: true });
  };

  static override styles = [
    ui,
    css`
      .end {
        justify-content: flex-end;
      }
      .problem {
        color: var(--bad);
        overflow-wrap: anywhere;
      }
      .hint {
        font-weight: 400;
      }
      .lead {
        overflow-wrap: anywhere;
      }
    `,
  ];
}

customElements.define("bc-ask", Ask);

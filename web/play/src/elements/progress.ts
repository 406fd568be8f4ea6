import type { LitElement, ReactiveController } from "lit";

/** An element whose buttons wait for the server, one at a time. */
export type Waiting = LitElement & { readonly isBusy?: unknown };

/** Has the button that was pressed show, while its element is busy, that the server is waited for. */
export class Progress implements ReactiveController {
  private pressed: HTMLElement | null = null;
  private shown: HTMLElement | null = null;

  constructor(private readonly host: Waiting) {
    host.addController(this);
    host.addEventListener("click", (event) => {
      const path = event.composedPath();
      this.pressed = (path.find((each) => each instanceof HTMLButtonElement) as HTMLElement | undefined) ?? null;
    });
  }

  /** A form is also sent by Enter in one of its fields. */
  hostConnected(): void {
    void this.host.updateComplete.then(() => this.host.renderRoot.addEventListener("submit", this.submitted));
  }

  hostDisconnected(): void {
    this.host.renderRoot.removeEventListener("submit", this.submitted);
  }

  hostUpdated(): void {
    const waits = this.host.isBusy === true ? this.pressed : null;
    if (waits === this.shown) return;
    this.shown?.removeAttribute("aria-busy");
    waits?.setAttribute("aria-busy", "true");
    this.shown = waits;
  }

  private readonly submitted = (event: Event) => {
    this.pressed = (event as SubmitEvent).submitter ?? this.pressed;
  };
}

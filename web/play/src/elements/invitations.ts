import type { Invitation } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { money } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

/** Rematches that others ask for, to be taken with one press wherever the player is. */
export class Invitations extends PlayElement {
  static override properties = { isBusy: { state: true } };
  declare private isBusy: boolean;

  constructor() {
    super();
    this.isBusy = false;
  }

  override render(): TemplateResult | typeof nothing {
    const { route, client } = this.play;
    // The result of the old room offers it itself.
    const isSaidThere = (each: Invitation) => route.page === "room" && route.roomId === each.rematchOf;
    const invitations = client?.invitations.all().filter((each) => !isSaidThere(each)) ?? [];
    if (invitations.length === 0) return nothing;
    return html`${invitations.map((each) => this.one(each))}`;
  }

  private one(invitation: Invitation): TemplateResult {
    const fee = money(invitation.entryFeeCents, this.play.currency);
    return html`<div class="bar" role="status" data-testid="invitation-${invitation.roomId}">
      <p class="grow">${text.rematchOf(invitation.hostName, invitation.roomName)}</p>
      <button class="primary small" data-testid="accept-invitation" aria-disabled=${this.isBusy}
        @click=${() => void this.accept(invitation)}>${text.rematchJoin(fee)}</button>
      <button class="plain small" data-testid="decline-invitation"
        @click=${() => this.play.client?.invitations.drop(invitation.roomId)}>${text.rematchNo}</button>
    </div>`;
  }

  private async accept(invitation: Invitation): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    await this.play.acceptInvitation(invitation);
    this.isBusy = false;
  }

  static override styles = [
    ui,
    css`
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--space-2) var(--space-3);
        max-width: 72rem;
        margin: 0 auto;
        padding: var(--space-2) var(--space-4);
        animation: rise 220ms var(--ease);
      }
      .grow {
        min-width: 12rem;
        font-weight: 650;
        overflow-wrap: anywhere;
      }
    `,
  ];
}

customElements.define("bs-invitations", Invitations);

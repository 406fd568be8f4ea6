import { html, nothing, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import { chip, heading, messagesLink, moment, table } from "../elements/parts.js";
import { count, short } from "../format.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { Members, Position } from "../types.js";
import { Page } from "./page.js";

export class MembersPage extends Page {
  private readonly members = new Remote<Members>(this, (signal) => this.console.api.get("members", {}, signal), 5_000);

  protected content(): TemplateResult {
    return html`${heading(text.nav.members)} ${shown(this.members, (members) => this.drawn(members))}`;
  }

  private drawn({ gateways, owners }: Members): TemplateResult {
    return html`
      <h2>${text.members.gateways}</h2>
      ${
        gateways.length === 0
          ? html`<p class="empty">${text.members.noGateways}</p>`
          : table(
              text.members.gateways,
              [
                { name: text.members.gateway, draw: ({ gateway_id }) => html`<span class="mono">${gateway_id}</span>` },
                {
                  name: text.members.boot,
                  draw: ({ boot_id }) =>
                    html`<span class="mono" title=${boot_id ?? ""}>${short(boot_id ?? "–")}</span>`,
                },
                { name: text.members.heard, draw: ({ last_heard_at }) => moment(last_heard_at) },
                { name: text.members.sockets, draw: ({ sockets }) => count(sockets), isNumber: true },
                { name: text.groups.lag, draw: ({ positions }) => lag(positions), isNumber: true },
                { name: text.members.positions, draw: ({ positions }) => places(positions) },
              ],
              gateways,
            )
      }
      <h2>${text.members.owners}</h2>
      ${table(
        text.members.owners,
        [
          { name: text.topics.partition, draw: ({ partition }) => partition ?? text.members.all, isNumber: true },
          {
            name: text.members.owner,
            draw: ({ owner }) => (owner ? html`<span class="mono">${owner}</span>` : chip(text.members.unowned, "bad")),
          },
          { name: text.members.epoch, draw: ({ epoch }) => count(epoch), isNumber: true },
          { name: text.members.queue, draw: ({ queue_depth }) => count(queue_depth), isNumber: true },
          { name: text.groups.lag, draw: ({ positions }) => lag(positions), isNumber: true },
          { name: text.members.positions, draw: ({ positions }) => places(positions) },
        ],
        owners,
      )}`;
  }
}

function lag(positions: readonly Position[] | null | undefined): unknown {
  if (!positions || positions.length === 0) return "–";
  const sum = positions.reduce((all, each) => all + (each.lag ?? 0), 0);
  return sum > 0 ? chip(count(sum), "warn") : count(sum);
}

/** Up to where each topic has been read. */
function places(positions: readonly Position[] | null | undefined): unknown {
  if (!positions || positions.length === 0) return nothing;
  return html`<details><summary>${text.members.topics(positions.length)}</summary><ul>${positions.map(
    ({ topic, partition, next, lag: behind }) =>
      html`<li class="mono">${messagesLink(
        topic,
        { start: `offset:${Math.max(0, (next ?? 0) - 1)}`, partition: String(partition) },
        `${topic} ${partition}:${next ?? "–"}`,
      )}${(behind ?? 0) > 0 ? html` −${count(behind)}` : nothing}</li>`,
  )}</ul></details>`;
}

customElements.define("bc-members", MembersPage);

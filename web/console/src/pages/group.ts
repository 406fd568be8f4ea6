import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import "../elements/lag_chart.js";
import { chip, heading, messagesLink, table, topicLink } from "../elements/parts.js";
import { count } from "../format.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { Group, Groups, Lags } from "../types.js";
import { Page } from "./page.js";

const MINUTES = [5, 15, 60];

export class GroupPage extends Page {
  static override properties: PropertyDeclarations = {
    ...Page.properties,
    group: { attribute: false },
    minutes: { state: true },
  };
  declare group: string;
  declare private minutes: number;
  private readonly groups = new Remote<Groups>(this, (signal) => this.console.api.get("groups", {}, signal), 10_000);
  private readonly samples = new Remote<Lags>(
    this,
    (signal) => this.console.api.get(`groups/${encodeURIComponent(this.group)}/lag`, { minutes: this.minutes }, signal),
    10_000,
  );

  constructor() {
    super();
    this.minutes = 15;
  }

  protected content(): TemplateResult {
    const spans = html`<div class="tabs" role="group" aria-label=${text.groups.span}>${MINUTES.map(
      (minutes) =>
        html`<button class="small" aria-pressed=${this.minutes === minutes} @click=${() => {
          this.minutes = minutes;
          void this.samples.reload();
        }}>${text.groups.minutes(minutes)}</button>`,
    )}</div>`;
    return html`
      ${heading(this.group, spans)}
      <section class="card">${shown(this.samples, ({ samples }) =>
        samples.length === 0
          ? html`<p class="empty">${text.groups.noSamples}</p>`
          : html`<bc-lag-chart .samples=${samples}></bc-lag-chart>`,
      )}</section>
      ${shown(this.groups, ({ groups }) => {
        const group = groups.find((each) => each.group === this.group);
        return group ? this.drawn(group) : html`<p class="empty">${text.notThere}</p>`;
      })}`;
  }

  private drawn({ partitions, members, lag }: Group): TemplateResult {
    return html`
      <p class="soft">${text.groups.summary(count(lag), members ?? undefined)}</p>
      ${table(
        text.groups.partitions,
        [
          { name: text.messages.topic, draw: ({ topic }) => topicLink(topic) },
          { name: text.topics.partition, draw: ({ partition }) => partition, isNumber: true },
          { name: text.groups.committed, draw: ({ committed }) => count(committed), isNumber: true },
          { name: text.topics.end, draw: ({ end }) => count(end), isNumber: true },
          {
            name: text.groups.lag,
            draw: (each) => ((each.lag ?? 0) > 0 ? chip(count(each.lag), "warn") : count(each.lag)),
            isNumber: true,
          },
          {
            name: text.groups.next,
            draw: ({ topic, partition, committed, lag: behind }) =>
              (behind ?? 0) > 0 && committed !== null && committed !== undefined
                ? messagesLink(
                    topic,
                    { start: `offset:${committed}`, partition: String(partition) },
                    text.groups.unread,
                  )
                : nothing,
          },
        ],
        partitions,
      )}`;
  }
}

customElements.define("bc-group", GroupPage);

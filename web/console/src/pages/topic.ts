import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import { type Column, chip, facts, heading, messagesLink, moment, table } from "../elements/parts.js";
import { bytes, count, rate } from "../format.js";
import { Remote } from "../remote.js";
import { messagesPath } from "../routes.js";
import { text } from "../texts.js";
import type { TopicDetails, TopicPartition } from "../types.js";
import { Page } from "./page.js";
import { retention } from "./topics.js";

export class TopicPage extends Page {
  static override properties: PropertyDeclarations = { ...Page.properties, topic: { attribute: false } };
  declare topic: string;
  private readonly details = new Remote<TopicDetails>(
    this,
    (signal) => this.console.api.get(`topics/${encodeURIComponent(this.topic)}`, {}, signal),
    10_000,
  );

  protected content(): TemplateResult {
    return html`
      ${heading(
        this.topic,
        html`<a class="button" href=${messagesPath(this.topic)} data-testid="to-messages">${text.topics.messages}</a>
          <a class="button" href=${messagesPath(this.topic, { start: "end" })}>${text.messages.follow}</a>`,
      )}
      ${shown(this.details, (details) => this.drawn(details))}`;
  }

  private drawn(details: TopicDetails): TemplateResult {
    const settings = Object.entries(details.settings).toSorted(([a], [b]) => a.localeCompare(b));
    return html`
      <section class="card">${facts([
        { name: text.topics.records, value: count(details.records) },
        { name: text.topics.aboutSize, value: bytes(details.estimated_bytes) },
        { name: text.topics.rate, value: rate(details.rate_per_s) },
        { name: text.topics.retention, value: retention(details.retention_ms) },
        { name: text.topics.first, value: moment(details.first_timestamp) },
        { name: text.topics.last, value: moment(details.last_timestamp) },
      ])}</section>
      <h2>${text.topics.partitions}</h2>
      ${table(text.topics.partitions, this.columns(details), details.by_partition)}
      ${
        settings.length === 0
          ? nothing
          : html`<h2>${text.topics.settings}</h2>${table(
              text.topics.settings,
              [
                { name: text.topics.setting, draw: ([name]) => html`<code>${name}</code>` },
                { name: text.settings.value, draw: ([, value]) => html`<code>${value ?? text.topics.secret}</code>` },
              ],
              settings,
            )}`
      }`;
  }

  private columns({ by_partition: partitions }: TopicDetails): Column<TopicPartition>[] {
    const hasBrokers = partitions.some(({ leader }) => leader !== null && leader !== undefined);
    return [
      {
        name: text.topics.partition,
        draw: ({ partition }) => messagesLink(this.topic, { partition: String(partition) }, String(partition)),
      },
      { name: text.topics.begin, draw: ({ begin }) => count(begin), isNumber: true },
      { name: text.topics.end, draw: ({ end }) => count(end), isNumber: true },
      { name: text.topics.records, draw: ({ begin, end }) => count(end - begin), isNumber: true },
      { name: text.topics.aboutSize, draw: ({ estimated_bytes }) => bytes(estimated_bytes), isNumber: true },
      ...(hasBrokers
        ? [
            { name: text.topics.leader, draw: ({ leader }: TopicPartition) => String(leader ?? "–") },
            { name: text.topics.replicas, draw: replicas },
          ]
        : []),
    ];
  }
}

/** Those that have all of it, of all that should. */
function replicas({ replicas, in_sync }: TopicPartition): TemplateResult {
  const [all, inSync] = [replicas?.length ?? 0, in_sync?.length ?? 0];
  return html`${(replicas ?? []).join(", ")} ${inSync < all ? chip(text.topics.inSync(inSync, all), "bad") : nothing}`;
}

customElements.define("bc-topic", TopicPage);

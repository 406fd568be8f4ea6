import { html, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import { type Column, heading, messagesLink, moment, table, topicLink } from "../elements/parts.js";
import { bytes, count, duration, rate } from "../format.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { Topic, Topics } from "../types.js";
import { Page } from "./page.js";

const COLUMNS: readonly Column<Topic>[] = [
  { name: text.topics.name, draw: ({ name }) => topicLink(name) },
  { name: text.topics.partitions, draw: ({ partitions }) => count(partitions), isNumber: true },
  { name: text.topics.records, draw: ({ records }) => count(records), isNumber: true },
  { name: text.topics.aboutSize, draw: ({ estimated_bytes }) => bytes(estimated_bytes), isNumber: true },
  { name: text.topics.rate, draw: ({ rate_per_s }) => rate(rate_per_s), isNumber: true },
  { name: text.topics.retention, draw: ({ retention_ms }) => retention(retention_ms), isNumber: true },
  { name: text.topics.first, draw: ({ first_timestamp }) => moment(first_timestamp) },
  { name: text.topics.last, draw: ({ last_timestamp }) => moment(last_timestamp) },
  { name: text.messages.title, draw: ({ name }) => messagesLink(name, {}, text.topics.messages) },
];

export function retention(ms: number | null | undefined): string {
  return ms !== null && ms !== undefined && ms < 0 ? text.topics.forEver : duration(ms);
}

export class TopicsPage extends Page {
  private readonly topics = new Remote<Topics>(this, (signal) => this.console.api.get("topics", {}, signal), 10_000);

  protected content(): TemplateResult {
    return html`${heading(text.nav.topics)}
      ${shown(this.topics, ({ topics }) => table(text.nav.topics, COLUMNS, topics))}`;
  }
}

customElements.define("bc-topics", TopicsPage);

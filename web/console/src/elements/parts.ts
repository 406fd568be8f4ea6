import { html, nothing, type TemplateResult } from "lit";
import { ago, short, time } from "../format.js";
import { messagePath, messagesPath, pathOf } from "../routes.js";
import { text } from "../texts.js";

type Missing = null | undefined;
const NONE = html`<span class="soft">–</span>`;

/** Every id leads somewhere; the console's own links are followed by the app, without the page being loaded anew. */
function link(href: string, id: string, title: string, isWhole = false): TemplateResult {
  return html`<a class="id" href=${href} title=${`${title}: ${id}`}>${isWhole ? id : short(id)}</a>`;
}

export function traceLink(id: string | Missing, isWhole = false): TemplateResult {
  return id ? link(pathOf({ page: "traced", id }), id, text.nav.trace, isWhole) : NONE;
}

export function roomLink(id: string | Missing, isWhole = false): TemplateResult {
  return id ? link(pathOf({ page: "room", roomId: id }), id, text.room.title, isWhole) : NONE;
}

export function playerLink(id: string | Missing, name?: string | Missing): TemplateResult {
  if (!id) return NONE;
  const href = pathOf({ page: "player", userId: id });
  return html`<a class="id" href=${href} title=${`${text.player.title}: ${id}`}><bdi>${name || id}</bdi></a>`;
}

export function topicLink(topic: string): TemplateResult {
  return html`<a href=${pathOf({ page: "topic", topic })}>${topic}</a>`;
}

export function messageLink(topic: string, partition: number, offset: number | string): TemplateResult {
  const words = `${partition}:${offset}`;
  return html`<a class="id" href=${messagePath(topic, partition, offset)} title=${`${topic} ${words}`}>${words}</a>`;
}

/** The messages of a topic that this stands in, as a link of words. */
export function messagesLink(topic: string, asked: Record<string, string>, words: string): TemplateResult {
  return html`<a href=${messagesPath(topic, asked)}>${words}</a>`;
}

export function moment(at: string | Missing): TemplateResult {
  return at ? html`<time datetime=${at} title=${`${at} · ${ago(at)}`}>${time(at)}</time>` : NONE;
}

export type Tone = "good" | "warn" | "bad" | "plain";

export function chip(words: string, tone: Tone = "plain"): TemplateResult {
  return html`<span class=${`chip ${tone}`}>${words}</span>`;
}

/** A heading with what belongs to the whole page beside it. */
export function heading(title: unknown, beside: unknown = nothing): TemplateResult {
  const group = beside === nothing ? nothing : html`<div class="row">${beside}</div>`;
  return html`<div class="row heading"><h1 class="grow">${title}</h1>${group}</div>`;
}

export interface Column<T> {
  name: string;
  draw: (item: T) => unknown;
  isNumber?: boolean;
  /** Words that may go on in the next line. */
  isLong?: boolean;
}

/** A table for experts: dense, wide where it must be, and then scrolled by itself. */
export function table<T>(label: string, columns: readonly Column<T>[], items: readonly T[]): TemplateResult {
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0"><table>
    <thead><tr>${columns.map(({ name, isNumber }) => html`<th scope="col" class=${isNumber ? "number" : ""}>${name}</th>`)}</tr></thead>
    <tbody>${items.length === 0 ? html`<tr><td class="soft" colspan=${columns.length}>${text.noRows}</td></tr>` : nothing}${items.map(
      (item) =>
        html`<tr data-row tabindex="-1">${columns.map(
          ({ draw, isNumber, isLong }) =>
            html`<td class=${isNumber ? "number" : isLong ? "wrap" : ""}>${draw(item)}</td>`,
        )}</tr>`,
    )}</tbody>
  </table></div>`;
}

export interface Fact {
  name: string;
  value: unknown;
}

export function facts(entries: readonly (Fact | false | undefined)[]): TemplateResult {
  const real = entries.filter((entry): entry is Fact => Boolean(entry));
  return html`<dl class="facts">${real.map(
    ({ name, value }) => html`<div><dt>${name}</dt><dd>${value ?? NONE}</dd></div>`,
  )}</dl>`;
}

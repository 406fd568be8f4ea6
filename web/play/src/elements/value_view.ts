import type { RoomView, UserId } from "@blazing-sun/client";
import { html, type TemplateResult } from "lit";
import { wordsOf } from "../schema_fields.js";
import { text } from "../texts.js";

/** Fields of a frame that are not the game's. */
const FRAME_FIELDS = new Set(["type", "event_id", "correlation_id", "timestamp", "room_seq", "after_seq", "room_id"]);
/** Under such names an id is a user's. */
const NAMES_A_USER = /(^|_)(user|users|player|players|winner|turn|rollers|host|by|seat|seats|id|ids)$/;
const DEPTH_MAX = 6;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}/;

/** The game's own fields of a frame, as people read them. */
export function gameFields(frame: Readonly<Record<string, unknown>>): [name: string, value: unknown][] {
  return Object.entries(frame).filter(([name]) => !FRAME_FIELDS.has(name));
}

export function namesIn(room: RoomView): ReadonlyMap<UserId, string> {
  return new Map([...room.spectators, ...room.members].map(({ userId, username }) => [userId, username ?? userId]));
}

/** Any JSON value as lists and tables; nothing in it is taken for HTML. */
export function valueView(value: unknown, names: ReadonlyMap<UserId, string>, key = "", depth = 0): TemplateResult {
  if (depth > DEPTH_MAX) return html`<bdi>${JSON.stringify(value)}</bdi>`;
  if (Array.isArray(value)) return listView(value, names, key, depth);
  if (typeof value === "object" && value !== null) return fieldsView(Object.entries(value), names, depth);
  return html`<bdi>${scalar(value, names, key)}</bdi>`;
}

export function fieldsView(
  fields: readonly [string, unknown][],
  names: ReadonlyMap<UserId, string>,
  depth = 0,
): TemplateResult {
  return html`<dl class="fields">
    ${fields.map(
      ([name, value]) => html`<div><dt>${names.get(name) ?? wordsOf(name)}</dt>
        <dd>${valueView(value, names, name, depth + 1)}</dd></div>`,
    )}
  </dl>`;
}

/** `roll 5, player Ada`: one line. */
export function lineOf(fields: readonly [string, unknown][], names: ReadonlyMap<UserId, string>): string {
  const all = new Set(fields.map(([name]) => name));
  // A name beside the id that it belongs to says nothing more.
  const isSaid = (name: string) => name.endsWith("_username") && all.has(name.replace(/_username$/, "_id"));
  return fields
    .filter(([name]) => !isSaid(name))
    .map(([name, value]) => {
      const isPlain = typeof value !== "object" || value === null;
      return `${wordsOf(name).toLowerCase()}: ${isPlain ? scalar(value, names, name) : JSON.stringify(value)}`;
    })
    .join(" · ");
}

function listView(list: readonly unknown[], names: ReadonlyMap<UserId, string>, key: string, depth: number) {
  if (list.length === 0) return html`<span>${text.table.nothing}</span>`;
  if (list.every((row) => isPair(row, names))) {
    return html`<table><tbody>
      ${(list as [string, unknown][]).map(
        ([userId, ...rest]) => html`<tr><th scope="row"><bdi>${names.get(String(userId))}</bdi></th>
          ${rest.map((cell) => html`<td>${valueView(cell, names, "", depth + 1)}</td>`)}</tr>`,
      )}
    </tbody></table>`;
  }
  const isFlat = list.every((cell) => typeof cell !== "object" || cell === null);
  if (!isFlat) return html`<ol>${list.map((cell) => html`<li>${valueView(cell, names, key, depth + 1)}</li>`)}</ol>`;
  const side = Math.sqrt(list.length);
  const isBoard = list.length >= 9 && Number.isInteger(side);
  return html`<ol class="cells" data-board=${isBoard ? side : 0}>
    ${list.map((cell) => html`<li><bdi>${scalar(cell, names, key)}</bdi></li>`)}
  </ol>`;
}

/** `[user, …]`, as scores are. */
function isPair(row: unknown, names: ReadonlyMap<UserId, string>): boolean {
  return Array.isArray(row) && row.length > 1 && names.has(String(row[0]));
}

function scalar(value: unknown, names: ReadonlyMap<UserId, string>, key: string): string {
  if (value === null || value === undefined || value === "") return text.table.nothing;
  if (typeof value === "boolean") return value ? text.table.yes : text.table.no;
  const written = String(value);
  if (NAMES_A_USER.test(key)) return names.get(written) ?? written;
  return TIME.test(written) ? new Date(written).toLocaleTimeString("en-GB") : written;
}

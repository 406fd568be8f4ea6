import { html, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import type { Console } from "../console.js";
import "../pages/dead_letters.js";
import "../pages/group.js";
import "../pages/groups.js";
import "../pages/log.js";
import "../pages/members.js";
import "../pages/messages.js";
import "../pages/money.js";
import "../pages/outbox.js";
import "../pages/overview.js";
import "../pages/player.js";
import "../pages/players.js";
import "../pages/room.js";
import "../pages/rooms.js";
import "../pages/settings.js";
import "../pages/topic.js";
import "../pages/topics.js";
import "../pages/trace.js";
import "../pages/traced.js";
import { BASE } from "../routes.js";
import { text } from "../texts.js";

/** The page at the address; one for another thing is another element. */
export function draw(console: Console): unknown {
  return keyed(console.path, page(console));
}

function page(console: Console): TemplateResult {
  const { route } = console;
  switch (route.page) {
    case "overview":
      return html`<bc-overview .console=${console}></bc-overview>`;
    case "topics":
      return html`<bc-topics .console=${console}></bc-topics>`;
    case "topic":
      return html`<bc-topic .console=${console} .topic=${route.topic}></bc-topic>`;
    case "messages":
      return html`<bc-messages .console=${console} .topic=${route.topic}></bc-messages>`;
    case "groups":
      return html`<bc-groups .console=${console}></bc-groups>`;
    case "group":
      return html`<bc-group .console=${console} .group=${route.group}></bc-group>`;
    case "dead-letters":
      return html`<bc-dead-letters .console=${console}></bc-dead-letters>`;
    case "trace":
      return html`<bc-trace .console=${console}></bc-trace>`;
    case "traced":
      return html`<bc-traced .console=${console} .id=${route.id}></bc-traced>`;
    case "rooms":
      return html`<bc-rooms .console=${console}></bc-rooms>`;
    case "room":
      return html`<bc-room .console=${console} .roomId=${route.roomId}></bc-room>`;
    case "players":
      return html`<bc-players .console=${console}></bc-players>`;
    case "player":
      return html`<bc-player .console=${console} .userId=${route.userId}></bc-player>`;
    case "money":
      return html`<bc-money .console=${console}></bc-money>`;
    case "members":
      return html`<bc-members .console=${console}></bc-members>`;
    case "outbox":
      return html`<bc-outbox .console=${console}></bc-outbox>`;
    case "settings":
      return html`<bc-settings .console=${console}></bc-settings>`;
    case "log":
      return html`<bc-log .console=${console}></bc-log>`;
    case "nowhere":
      return html`<h1>${text.nowhere}</h1><p><a href=${BASE}>${text.nav.overview}</a></p>`;
  }
}

import type { Play } from "./play.js";
import { text } from "./texts.js";

/** What the present page is called. */
export function pageTitle(play: Play): string {
  const { account, route, client } = play;
  if (!account && route.page !== "reset" && route.page !== "verify") return text.pageTitles.welcome;
  if (route.page === "room") return client?.rooms.get(route.roomId)?.name || text.pageTitles.room;
  return text.pageTitles[route.page];
}

/** For the tab, where it also calls who looks elsewhere. */
export function tabTitle(play: Play): string {
  const { account, route, client } = play;
  const room = route.page === "room" ? client?.rooms.get(route.roomId) : undefined;
  const isMine = room?.phase === "playing" && room.turn?.userId === account?.user_id;
  return `${isMine ? text.turnCalls : ""}${pageTitle(play)} · ${text.brand}`;
}

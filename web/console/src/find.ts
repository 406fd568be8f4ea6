import { ApiProblem } from "@blazing-sun/client";
import type { Api } from "./api.js";
import { messagePath, pathOf, withQuery } from "./routes.js";
import type { Groups, PlayersFound, RoomDetails, Topics, Trace } from "./types.js";

const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i;
const USER_ID = /^\d{1,19}$/;
const DEAD_LETTER = /^\d{1,9}-\d{1,19}$/;
/** `games.events/0/17`, or as tools write it: `games.events-0@17`. */
const MESSAGE = /^([a-z][a-z0-9._-]{0,200}?)[/:-](\d{1,9})[/:@](\d{1,19})$/i;

/**
 * The page of whatever this is the id of: a room, a correlation, an event, a request, a user, a message, a topic. A
 * player's complaint may be pasted whole: the first id in it counts. Undefined where nothing has such an id.
 */
export async function find(api: Pick<Api, "get">, written: string): Promise<string | undefined> {
  const wanted = written.trim();
  if (wanted === "") return undefined;
  const id = UUID.exec(wanted)?.[0].toLowerCase();
  if (id !== undefined) return byUuid(api, id);
  if (USER_ID.test(wanted)) return (await is(api, `players/${wanted}`)) ? playerPath(wanted) : undefined;
  if (DEAD_LETTER.test(wanted)) return withQuery(pathOf({ page: "dead-letters" }), { id: wanted });
  const [, topic, partition, offset] = MESSAGE.exec(wanted) ?? [];
  if (topic && partition && offset) return messagePath(topic, Number(partition), offset);
  return byName(api, wanted);
}

/** Rooms and correlations look alike: both are asked for at once, and a room is what a room's id means first. */
async function byUuid(api: Pick<Api, "get">, id: string): Promise<string | undefined> {
  const [room, trace] = await Promise.all([asked<RoomDetails>(api, `rooms/${id}`), asked<Trace>(api, `trace/${id}`)]);
  if (room) return pathOf({ page: "room", roomId: id });
  return trace && trace.steps.length > 0 ? pathOf({ page: "traced", id }) : undefined;
}

async function byName(api: Pick<Api, "get">, name: string): Promise<string | undefined> {
  const encoded = encodeURIComponent(name);
  const [topics, groups, players] = await Promise.all([
    asked<Topics>(api, "topics"),
    asked<Groups>(api, "groups"),
    asked<PlayersFound>(api, `players?query=${encoded}`),
  ]);
  if (topics?.topics.some((topic) => topic.name === name)) return pathOf({ page: "topic", topic: name });
  if (groups?.groups.some(({ group }) => group === name)) return pathOf({ page: "group", group: name });
  const [only, ...others] = players?.players ?? [];
  if (!only) return undefined;
  return others.length === 0 ? playerPath(only.user_id) : withQuery(pathOf({ page: "players" }), { query: name });
}

function playerPath(userId: string): string {
  return pathOf({ page: "player", userId });
}

async function is(api: Pick<Api, "get">, path: string): Promise<boolean> {
  return (await asked(api, path)) !== undefined;
}

/** What is there; undefined where there is no such thing. Any other failure is the finder's. */
async function asked<T>(api: Pick<Api, "get">, path: string): Promise<T | undefined> {
  try {
    return await api.get<T>(path);
  } catch (error) {
    if (error instanceof ApiProblem && (error.status === 404 || error.status === 400)) return undefined;
    throw error;
  }
}

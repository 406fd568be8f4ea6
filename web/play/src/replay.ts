import { type Frame, foldRoom, type RoomView, ServerClock, userIdOf } from "@blazing-sun/client";

/** A place in a game at which a replay can stand. */
export interface Step {
  readonly view: RoomView;
  /** The game's own event that led here, by its name alone: `rolled`; `started` for the first step. */
  readonly name: string;
  /** Who made it happen, where one player did. */
  readonly userId: string | null;
  /** In milliseconds of server time. */
  readonly at: number;
}

/** The game in steps: one for its beginning, then one for each of its own events, with all that followed from it. */
export function stepsOf(frames: readonly Frame[], me: string): Step[] {
  const steps: Step[] = [];
  let view: RoomView | undefined;
  for (const frame of frames) {
    const next = foldRoom(view, frame, me);
    if (!next) continue;
    view = next;
    const name = stepName(frame, view.gameType);
    const at = Date.parse(String(frame.timestamp));
    if (name !== null) steps.push({ view, name, userId: userIdOf(frame.player_id) || null, at });
    else {
      const last = steps.pop();
      if (last) steps.push({ ...last, view });
    }
  }
  return steps.map((step) => ({ ...step, view: atRest(step.view) }));
}

function stepName(frame: Frame, gameType: string): string | null {
  if (frame.type === "games.event.game_started") return "started";
  const own = `games.event.${gameType}.`;
  if (!frame.type.startsWith(own)) return null;
  const name = frame.type.slice(own.length);
  return name === "state" ? null : name;
}

/** Nothing runs out in a replay. */
function atRest(view: RoomView): RoomView {
  return {
    ...view,
    turn: view.turn && { ...view.turn, deadline: null },
    pause: view.pause && { ...view.pause, until: null },
  };
}

/** A clock that stands where the step is. */
export function clockAt(step: Step): ServerClock {
  return new ServerClock(() => step.at);
}

export interface GameRecord {
  readonly lines: readonly Frame[];
  /** Whether this browser saw itself what was fixed before play. */
  readonly hasOwn: boolean;
  /** What this browser saw, and the server's record tells otherwise. */
  readonly contradicted: readonly Frame[];
}

/**
 * What is to be checked: the server's record of the room, and in its place, or beside it, whatever this browser has recorded
 * itself while the game was played.
 */
export function recordOf(frames: readonly Frame[], own: readonly Frame[]): GameRecord {
  const seen = new Map(own.filter(isNumbered).map((line) => [line.room_seq, line] as const));
  // What was seen of the commitment before play counts, and not what is said of it afterwards.
  const isTold = (line: Frame) => line.type === "games.event.room_created" || line.type === "games.event.room_state";
  const hasOwn = own.some(isTold);
  const lines: Frame[] = own.filter((line) => !isNumbered(line));
  const contradicted: Frame[] = [];
  for (const line of frames) {
    if (hasOwn && isTold(line)) continue;
    const mine = isNumbered(line) ? seen.get(line.room_seq) : undefined;
    seen.delete(line.room_seq);
    if (mine && contentOf(mine) !== contentOf(line)) contradicted.push(mine);
    lines.push(mine ?? line);
  }
  for (const line of seen.values()) {
    const next = lines.findIndex(({ room_seq }) => Number(room_seq) > Number(line.room_seq));
    lines.splice(next < 0 ? lines.length : next, 0, line);
  }
  return { lines, hasOwn, contradicted };
}

function isNumbered(line: Frame): boolean {
  return typeof line.room_seq === "number";
}

/** Told anew, an event has other ids; what happened stays as it was, whatever the order of its fields. */
function contentOf({ event_id, correlation_id, command_id, timestamp, ...told }: Frame): string {
  return JSON.stringify(told, (_, value: unknown) =>
    isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Everything that the draws follow from, as it was told. */
export interface Seeds {
  readonly commitment: string | null;
  readonly serverSeed: string | null;
  readonly seats: readonly {
    readonly userId: string;
    readonly username: string;
    readonly commitment: string | null;
    readonly seed: string | null;
  }[];
}

export function seedsOf(frames: readonly Frame[]): Seeds {
  const revealed = frames.findLast((frame) => frame.type === "games.event.seed_revealed");
  const started = frames.findLast((frame) => frame.type === "games.event.game_started");
  const players = Array.isArray(started?.players) ? (started.players as Record<string, unknown>[]) : [];
  const at = (list: unknown, seat: number) => (Array.isArray(list) ? hex(list[seat]) : null);
  return {
    commitment: hex(revealed?.seed_commitment),
    serverSeed: hex(revealed?.server_seed),
    seats: players.map((player, seat) => ({
      userId: userIdOf(player.user_id),
      username: String(player.username ?? ""),
      commitment: at(started?.commitments, seat),
      seed: at(started?.seeds, seat),
    })),
  };
}

function hex(value: unknown): string | null {
  return typeof value === "string" && /^[0-9a-f]{64}$/i.test(value) ? value : null;
}

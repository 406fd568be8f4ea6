import { commitmentOf, Draws } from "./fairness.js";
import { hexList, hexOf, roomIdOf, userIdOf } from "./frames.js";
import { inOrder } from "./order.js";
import type { Frame, RoomId, UserId } from "./wire.js";

const POINTS_TO_WIN = 10;

export interface SeatReport {
  readonly userId: UserId;
  readonly username: string;
  readonly isBot: boolean;
  /** `none`: this seat added no seed to the draw. */
  readonly seed: "right" | "wrong" | "none";
}

/** What a client could check of a game from what it has seen. */
export interface FairnessReport {
  readonly roomId: RoomId;
  /** Known once the room has ended. */
  readonly serverSeed: string | null;
  /** What the server had committed to last, as far as this client saw it before the seed. */
  readonly commitment: string | null;
  /**
   * Whether that seed is the one committed to; `unknown` where the commitment was not seen before it. `wrong` also where
   * one commitment took another's place without the seed being renewed.
   */
  readonly server: "right" | "wrong" | "hidden" | "unknown";
  /** Seeds that were replaced before play, and how many of them were not those committed to. */
  readonly replaced: number;
  readonly replacedWrong: number;
  /** In seat order; empty as long as no game has begun. */
  readonly seats: readonly SeatReport[];
  /** Whether this client's own seed is in the draw: `wrong` where the room lists another one for it. */
  readonly own: "right" | "wrong" | "none";
  readonly rolls: number;
  /** Rolls that are not what the seeds give, by their number from 1. */
  readonly wrongRolls: readonly { number: number; username: string; value: number; drawn: number | null }[];
  /** Rolls of the game that this client did not see. */
  readonly missedRolls: number;
  /** Whether points and winner follow from the rolls; `unknown` where not all of them were seen. */
  readonly result: "right" | "wrong" | "unknown";
  readonly winner: string | null;
}

interface Game {
  players: { userId: UserId; username: string; isBot: boolean }[];
  commitments: (string | null)[];
  seeds: (string | null)[];
}

/** Checks a room's transcript, which may begin late or have gaps; undefined where it holds nothing of a room. */
export async function checkFairness(lines: readonly Frame[], me: UserId): Promise<FairnessReport | undefined> {
  const events = inOrder(lines, seqOf);
  let roomId: RoomId = "";
  let commitment: string | null = null;
  let expectedSeq: number | null = null;
  let serverSeed: string | null = null;
  let server: FairnessReport["server"] = "hidden";
  let replaced = 0;
  let replacedWrong = 0;
  let game = gameOf({});
  let frozen: readonly (string | null)[] | null = null;
  let gameFrames: Frame[] = [];
  const sent = new Set<string>();

  for (const frame of events) {
    roomId ||= roomIdOf(frame);
    const seq = seqOf(frame);
    if (seq >= 0) {
      if (expectedSeq !== null && seq > expectedSeq) {
        // The seed may have been renewed unseen; once play has begun it can not be any more.
        if (!game.players.length) commitment = null;
        frozen = null;
      }
      expectedSeq = Math.floor(seq) + 1;
    }
    const told = hexOf(((frame.room as Frame | undefined) ?? frame).seed_commitment);
    switch (frame.type) {
      case "games.command.ready":
        if (userIdOf(frame.user_id) === me) sent.add(told ?? "");
        break;
      case "games.event.room_created":
        commitment = told;
        break;
      case "games.event.seed_renewed":
        if (commitment !== null) {
          replaced += 1;
          if (!(await isBehind(commitment, hexOf(frame.previous_server_seed)))) replacedWrong += 1;
        }
        commitment = told;
        frozen = null;
        break;
      case "games.event.room_state":
      case "games.event.seeds_requested":
        // Only `seed_renewed` may put another in its place.
        commitment ??= told;
        if ((told ?? commitment) !== commitment) server = "wrong";
        if (frame.type !== "games.event.room_state") frozen = hexList(frame.commitments);
        break;
      case "games.event.game_started":
        game = gameOf(frame);
        gameFrames = [];
        break;
      case "games.event.seed_revealed":
        serverSeed = hexOf(frame.server_seed);
        if (server === "wrong") break;
        if (commitment === null) server = "unknown";
        else server = (await isBehind(commitment, serverSeed)) ? "right" : "wrong";
        break;
      default:
        if (game.players.length && frame.type.startsWith("games.event.bigger_dice.")) gameFrames.push(frame);
    }
  }
  if (!roomId) return undefined;

  const seats: SeatReport[] = [];
  for (const [seat, player] of game.players.entries()) {
    const listed = game.commitments[seat] ?? null;
    const seed = game.seeds[seat] ?? null;
    const isFrozen = frozen === null || frozen[seat] === listed;
    let verdict: SeatReport["seed"] = "none";
    if (listed !== null || seed !== null || !isFrozen) {
      verdict = isFrozen && (await isBehind(listed, seed)) ? "right" : "wrong";
    }
    seats.push({ ...player, seed: verdict });
  }
  const mine = game.players.findIndex(({ userId }) => userId === me);
  const listedMine = game.commitments[mine];
  const own = sent.size === 0 || mine < 0 ? "none" : listedMine && sent.has(listedMine) ? "right" : "wrong";
  const rolls = gameFrames.filter((frame) => frame.type.endsWith(".rolled"));
  const { wrongRolls, missedRolls } = serverSeed
    ? await checkRolls(rolls, serverSeed, roomId, game.seeds)
    : { wrongRolls: [], missedRolls: 0 };
  const over = gameFrames.find((frame) => frame.type.endsWith(".game_over"));
  return {
    roomId,
    serverSeed,
    commitment,
    server,
    replaced,
    replacedWrong,
    seats,
    own,
    rolls: rolls.length,
    wrongRolls,
    missedRolls,
    result: over && missedRolls === 0 ? checkResult(gameFrames, game, over) : "unknown",
    winner: typeof over?.winner_username === "string" ? over.winner_username : null,
  };
}

/** Whether anything was checked and wrong. */
export function isContradicted(report: FairnessReport): boolean {
  const { server, own, result, seats, replacedWrong, wrongRolls } = report;
  const verdicts = [server, own, result, ...seats.map(({ seed }) => seed)];
  return verdicts.includes("wrong") || replacedWrong + wrongRolls.length > 0;
}

async function checkRolls(
  rolls: readonly Frame[],
  serverSeed: string,
  roomId: RoomId,
  seeds: readonly (string | null)[],
): Promise<Pick<FairnessReport, "wrongRolls" | "missedRolls">> {
  const draws = await Draws.of(serverSeed, roomId, seeds);
  const wrongRolls: FairnessReport["wrongRolls"][number][] = [];
  let missedRolls = 0;
  let next = 0;
  for (const frame of rolls) {
    const nonce = (frame.proof as { nonce?: unknown } | undefined)?.nonce;
    const value = typeof frame.roll === "number" ? frame.roll : 0;
    const isPlace = typeof nonce === "number" && Number.isSafeInteger(nonce) && nonce >= next;
    const at = isPlace ? nonce : next;
    missedRolls += at - next;
    next = at + 1;
    const draw = isPlace ? await draws.at(at) : null;
    const drawn = draw === null ? null : draw + 1;
    if (drawn === value) continue;
    wrongRolls.push({ number: next, username: String(frame.player_username ?? frame.player_id), value, drawn });
  }
  return { wrongRolls, missedRolls };
}

/** Counts the rounds again: the one highest roll takes the point, ten points win. */
function checkResult(frames: readonly Frame[], game: Game, over: Frame): "right" | "wrong" {
  const points = new Map<UserId, number>(game.players.map(({ userId }) => [userId, 0]));
  let rolled: [UserId, number][] = [];
  let pending = game.players.length;
  for (const frame of frames) {
    if (!frame.type.endsWith(".rolled")) continue;
    rolled.push([userIdOf(frame.player_id), Number(frame.roll)]);
    if (rolled.length < pending) continue;
    const highest = Math.max(...rolled.map(([, value]) => value));
    const tied = rolled.filter(([, value]) => value === highest);
    const [winner] = tied[0] ?? [""];
    // Those tied roll again, and nobody else.
    pending = tied.length > 1 ? tied.length : game.players.length;
    if (tied.length === 1) points.set(winner, (points.get(winner) ?? 0) + 1);
    rolled = [];
  }
  const winner = userIdOf(over.winner_id);
  const told = Array.isArray(over.final_scores) ? (over.final_scores as unknown[]) : [];
  const isTold = told.every((row) => Array.isArray(row) && points.get(userIdOf(row[0])) === row.at(-1));
  const best = [...points].filter(([, score]) => score >= POINTS_TO_WIN).map(([user]) => user);
  return isTold && told.length === points.size && best.length === 1 && best[0] === winner ? "right" : "wrong";
}

/** Where a line belongs: what was sent or told outside the room's order stays before what followed it. */
function seqOf(frame: Frame): number {
  if (typeof frame.room_seq === "number") return frame.room_seq;
  const seq = (frame.room as { room_seq?: unknown } | undefined)?.room_seq;
  return typeof seq === "number" ? seq + 0.5 : -1;
}

function gameOf(frame: Partial<Frame>): Game {
  const players = Array.isArray(frame.players) ? (frame.players as Record<string, unknown>[]) : [];
  return {
    players: players.map((player) => ({
      userId: userIdOf(player.user_id),
      username: String(player.username ?? player.user_id),
      isBot: player.is_bot === true,
    })),
    commitments: hexList(frame.commitments),
    seeds: hexList(frame.seeds),
  };
}

async function isBehind(commitment: string | null, seed: string | null): Promise<boolean> {
  return seed !== null && (await commitmentOf(seed)) === commitment;
}

import type { Client, Frame, RoomId } from "@blazing-sun/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Bot, type BotOptions } from "./bot.js";
import { RealServer } from "./real_server.js";
import { FAULTS, RoughNetwork, seeded } from "./rough_network.js";

/** More games find more; the seed is told when one fails. */
const GAMES = Number(process.env.E2E_ROUGH_GAMES ?? 1);
const SEED = Number(process.env.E2E_ROUGH_SEED ?? 1);
const SEATS = 3;
const FEE_CENTS = 1_000;
const PRIZE_CENTS = 2_400;

const TIMING = {
  heartbeatMs: 200,
  silenceMs: 1_500,
  probeMs: 1_000,
  connectMs: 2_000,
  backoffMinMs: 5,
  backoffMaxMs: 60,
  resendMs: 400,
  busyPauseMs: 20,
  gapMs: 200,
};

let server: RealServer;
let network: RoughNetwork;
let bots: Bot[];

beforeEach(async () => {
  bots = [];
  server = await RealServer.create();
  await server.start();
});

afterEach(async () => {
  for (const bot of bots) bot.close();
  await network?.close();
  await server.remove();
});

async function enter(options: BotOptions = {}): Promise<Bot> {
  const bot = await Bot.enter(server.origin, options);
  bots.push(bot);
  return bot;
}

/** A room's events as a client hears them, in that order. */
class Heard {
  readonly events: Frame[] = [];
  /** The number that each state of a room stood at. */
  private readonly stated: [roomId: RoomId, room_seq: number][] = [];

  constructor(client: Client) {
    client.onEvent((frame) => {
      // The answer to a repeated command bears the number of the event that it stands for.
      const isEvent = typeof frame.room_seq === "number" && frame.type !== "games.event.command_applied";
      if (isEvent) this.events.push(frame);
    });
    client.on("games.event.room_state", ({ room }) => {
      this.stated.push([room.room_id, room.room_seq ?? 0]);
    });
  }

  of(roomId: RoomId): Frame[] {
    return this.events.filter(({ room_id }) => room_id === roomId);
  }

  /** The numbers that the room's states stood at. */
  states(roomId: RoomId): number[] {
    return this.stated.filter(([room]) => room === roomId).map(([, seq]) => seq);
  }

  /** The texts that one user wrote. */
  said(roomId: RoomId, by: string): unknown[] {
    const messages = this.of(roomId).filter(({ type }) => type === "games.event.chat_message");
    return messages.filter(({ user_id }) => String(user_id) === by).map(({ content }) => content);
  }
}

/** Has the network behave, and waits until everybody has heard as much as the witness. */
async function becalmed(roomId: RoomId, witness: Bot, ...clients: Client[]): Promise<void> {
  network.calm();
  const behind = () =>
    clients.filter(({ status, rooms }) => {
      return status.state !== "online" || rooms.get(roomId)?.roomSeq !== witness.client.rooms.get(roomId)?.roomSeq;
    });
  await expect.poll(() => behind().length, { timeout: 20_000 }).toBe(0);
}

/**
 * Everything that happened in the room from where it began to listen, in that order, once each; where the gateway answered a
 * resume with the room's state, that in place of what it contains. Gives how many events that was.
 */
function replacedByStates(heard: Heard, happened: Heard, roomId: RoomId, heldToTheEnd = true): number {
  const told = heard.of(roomId);
  const known = new Set(told.map(({ room_seq }) => room_seq));
  const [first, last] = [told[0], heldToTheEnd ? happened.of(roomId).at(-1) : told.at(-1)].map((frame) =>
    Number(frame?.room_seq),
  );
  const since = happened
    .of(roomId)
    .filter(({ room_seq }) => Number(room_seq) >= Number(first) && Number(room_seq) <= Number(last));
  const isTold = ({ room_seq }: Frame) =>
    known.has(room_seq) || !heard.states(roomId).some((state) => state >= Number(room_seq));
  const named = ({ room_seq, type, event_id }: Frame) => `${room_seq} ${type} ${event_id}`;
  expect(told.map(named)).toEqual(since.filter(isTold).map(named));
  return since.length - told.length;
}

test(
  `bots play whole games over a network on which nothing goes well for long (seed ${SEED})`,
  async () => {
    network = await RoughNetwork.open(server.origin, seeded(SEED));
    const players = await Promise.all(
      Array.from({ length: SEATS }, () => enter({ via: network.origin, timing: TIMING })),
    );
    const witness = await enter();
    const happened = new Heard(witness.client);
    const heard = new Map(players.map((bot) => [bot, new Heard(bot.client)]));
    const won = new Map(players.map(({ id }) => [id, 0]));
    const host = players[0] as Bot;

    for (let game = 1; game <= GAMES; game++) {
      const roomId = await host.openRoom({ name: `Game ${game}`, seats: SEATS });
      await witness.watch(roomId);
      for (const bot of players.slice(1)) await bot.join(roomId);
      // A second connection of one of them, which looks on.
      const tab = host.again({ via: network.origin, timing: TIMING });
      const tabHeard = new Heard(tab);
      await tab.online();
      const texts = ["a", "b", "c"];
      await Promise.all(
        players.map(async ({ client }) => {
          for (const content of texts) {
            await client.command("games.command.send_chat", { room_id: roomId, channel: "lobby", content });
          }
        }),
      );
      // Whose role changes while they are away gets the room's state in place of what was missed.
      await becalmed(roomId, witness, ...players.map(({ client }) => client), tab);
      const readying = Promise.all(players.map((bot) => bot.ready(roomId)));
      for (const bot of players) bot.rolls();
      await host.select(roomId, ...[...players].reverse().map(({ id }) => id));
      await readying;
      await Promise.all(players.map((bot) => bot.untilRoom(roomId, ({ phase }) => phase === "playing")));
      network.stir();

      // A room that ends lets its members go; who is away at that moment hears no more of it. One more round is to come for
      // certain, in which everybody has to be there.
      await Promise.all(
        players.map((bot) => bot.untilRoom(roomId, ({ members }) => members.some(({ score }) => score >= 8))),
      );
      network.calm();
      const rooms = await Promise.all([...players, witness].map((bot) => bot.over(roomId)));
      const [winner] = new Set(rooms.map(({ result }) => result?.winnerId ?? ""));
      expect(rooms.map(({ result }) => result?.winnerId)).toEqual(rooms.map(() => winner));
      won.set(winner ?? "", (won.get(winner ?? "") ?? 0) + 1);

      await expect.poll(() => tab.rooms.get(roomId)?.phase, { timeout: 20_000 }).toBe("over");
      // Nobody waits for it to roll: it may have been away when the room let its members go.
      replacedByStates(tabHeard, happened, roomId, false);
      tab.close();
      for (const [bot, own] of heard) {
        const replaced = replacedByStates(own, happened, roomId);
        // Of two connections of one user, as this network makes them, one may hear in passing what cannot be told again.
        expect(replaced).toBeLessThan(bot === host ? happened.of(roomId).length : 30);
        if (replaced === 0) await bot.provesFair(roomId);
        expect(happened.said(roomId, bot.id)).toEqual(texts);
      }
      const rolls = happened.of(roomId).filter(({ type }) => type === "games.event.bigger_dice.rolled");
      const commands = rolls.map(({ correlation_id }) => correlation_id).filter((id) => id);
      expect(new Set(commands).size).toBe(commands.length);
      for (const { id, refusals, client } of players) {
        // The server rolls for whoever takes too long; no other roll has reason to be refused.
        const late = rolls.filter((roll) => String(roll.player_id) === id && !roll.correlation_id);
        expect(refusals.length).toBeLessThanOrEqual(late.length);
        await expect.poll(() => client.pendingCount, { timeout: 20_000 }).toBe(0);
      }
      for (const bot of players) {
        const [own, wins] = [await bot.balanceCents(), won.get(bot.id) ?? 0];
        expect(own).toBe(5_000 - game * FEE_CENTS + wins * PRIZE_CENTS);
      }
    }
    for (const fault of FAULTS) expect(network.struck.get(fault), fault).toBeGreaterThan(0);
    for (const bot of bots) bot.close();
    await server.stop();
    await server.audit();
  },
  60_000 * (GAMES + 1),
);

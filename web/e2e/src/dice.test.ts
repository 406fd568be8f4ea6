import { type Client, connect, Session } from "@blazing-sun/client";
import { afterEach, expect } from "vitest";
import { WebSocket } from "ws";
import { guest, phoneShot, shot } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

const SEATS = 10;

const clients: Client[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

play("ten play dice on one page: who is in a tie-break, and every round's throws", async () => {
  const me = await guest(browser, server.origin, {
    viewport: { width: 1280, height: 800 },
    colorScheme: "dark",
    reducedMotion: "reduce",
  });
  const others = await Promise.all(
    Array.from({ length: SEATS - 1 }, async (_, at) => {
      const session = new Session({ origin: server.origin });
      const { user_id } = await session.guest(`Player ${at + 1}`);
      const client = connect({ session, WebSocket });
      clients.push(client);
      return { id: user_id, client };
    }),
  );
  const [host] = others;
  if (!host) throw new Error("nobody");
  const answer = await host.client.command("games.command.create_room", {
    game_type: "bigger_dice",
    room_name: "Ten",
    max_players: SEATS,
  });
  const roomId = "room" in answer ? answer.room.room_id : "";
  const join = others.slice(1).map(({ client }) => client.command("games.command.join_room", { room_id: roomId }));
  await Promise.all(join);
  await me.page.goto(`${server.origin}/r/${roomId}`);
  await me.page.getByTestId("join-button").click();
  await me.page.getByTestId("confirm-join").click();
  await me.page.getByTestId("room-title").waitFor();
  for (const id of [...others.map((other) => other.id), me.id]) {
    await host.client.command("games.command.select_player", { room_id: roomId, target_user_id: id });
  }
  // The others roll as soon as they may, but not before all of it has been looked at.
  let isPaused = false;
  const rolled = new Map<string, number>();
  const roll = (of: (typeof others)[number]) => {
    const turn = of.client.rooms.get(roomId)?.turn;
    if (isPaused || turn?.userId !== of.id || rolled.get(of.id) === turn.number) return;
    rolled.set(of.id, turn.number);
    of.client.command("games.command.bigger_dice.roll", { room_id: roomId }).catch(() => {});
  };
  // Whoever hears of the first tie: each of them does before the tie-break's first turn, the host maybe after it.
  const stops = others.map(({ client }) =>
    client.on("games.event.bigger_dice.tiebreaker_started", () => {
      isPaused = true;
      for (const stop of stops) stop();
    }),
  );
  for (const other of others) other.client.rooms.onChange(() => roll(other));
  await Promise.all(others.map(({ client }) => client.ready(roomId)));
  await me.page.getByTestId("ready-button").click();

  const { page } = me;
  const tie = page.getByTestId("tie");
  const button = page.locator('[data-testid="roll-button"]:not([disabled])');
  const press = async (until: () => Promise<boolean>) => {
    for (const deadline = Date.now() + 60_000; !(await until()); ) {
      if (Date.now() > deadline) throw new Error("the game does not go on");
      if (await button.isVisible()) await button.click({ timeout: 1_000 }).catch(() => {});
      else await page.waitForTimeout(10);
    }
  };
  await press(async () => isPaused);
  await tie.waitFor();
  const still = await page.locator('[data-testid^="tie-in-"]').count();
  expect(still).toBeGreaterThan(1);
  expect(await page.locator('[data-testid^="player-"][data-out]').count()).toBe(SEATS - still);
  await shot(page, "dice-ten-tie-dark");
  expect(await phoneShot(page, "dice-ten-tie-phone-dark")).toBe(true);
  await page.emulateMedia({ colorScheme: "light" });
  isPaused = false;
  for (const other of others) roll(other);
  await press(async () => (await page.getByTestId("round-line").count()) > 1);
  isPaused = true;
  const line = page.getByTestId("round-line").first();
  expect(await line.getByRole("cell").count()).toBe(SEATS);
  expect(await line.locator("td[data-won]").count()).toBe(1);
  expect(await phoneShot(page, "dice-ten-rounds-phone-light")).toBe(true);

  // Sound is a choice that stays.
  await page.getByTestId("sound").click();
  await page.reload();
  await page.locator('[data-testid="sound"][aria-pressed="false"]').waitFor();
  expect(me.complaints).toEqual([]);
});

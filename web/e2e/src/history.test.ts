import { type Client, connect, type RoomId, Session, userIdOf } from "@blazing-sun/client";
import type { Page } from "playwright-core";
import { afterEach, expect } from "vitest";
import { WebSocket } from "ws";
import { fits, phoneShot, player, shot } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";
import { SLOW } from "./table.js";

useProgram();

const ADA = { email: "ada@example.com", password: "correct horse", username: "Ada" };

const connected: Client[] = [];

afterEach(() => {
  for (const client of connected.splice(0)) client.close();
});

function enter(session: Session): Client {
  const client = connect({ session, WebSocket });
  connected.push(client);
  return client;
}

/** Somebody who plays by program, in the room that a quick match brings them to. */
function bot(session: Session): Client {
  const client = enter(session);
  let answered = "";
  client.quickMatch.onEnd((end) => {
    if ("roomId" in end) client.ready(end.roomId).catch(() => {});
  });
  client.rooms.onChange((room) => {
    const { roomId, turn, gameType, gameState } = room;
    const me = client.user?.userId;
    const key = `${roomId}/${turn?.number}`;
    if (turn?.userId !== me || key === answered) return;
    const isCrosses = gameType === "tic_tac_toe";
    // The board as it is at this turn comes after the turn.
    if (isCrosses && userIdOf(gameState?.current_turn) !== me) return;
    answered = key;
    const free = Array.isArray(gameState?.board) ? gameState.board.indexOf(null) : -1;
    const move = isCrosses ? "tic_tac_toe.move" : "bigger_dice.roll";
    client
      .command(`games.command.${move}`, { room_id: roomId, ...(isCrosses ? { position: free } : {}) })
      .catch(() => {});
  });
  return client;
}

/** One game of the two, from quick match to its end; the room. */
async function played(gameType: string, clients: readonly Client[]): Promise<RoomId> {
  const ends = clients.map((client) => client.next("games.event.seed_revealed"));
  for (const client of clients) client.quickMatch.start(gameType);
  const [end] = await Promise.all(ends);
  return String(end?.room_id);
}

async function signIn(page: Page, path: string): Promise<void> {
  await page.goto(`${server.origin}${path}`);
  await page.getByTestId("email").fill(ADA.email);
  await page.getByTestId("password").fill(ADA.password);
  await page.getByTestId("account-submit").click();
}

/** At a desktop's size light, at a phone's dark. */
async function shots(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ colorScheme: "light" });
  await shot(page, `${name}-light`);
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await phoneShot(page, `${name}-phone-dark`), `${name} is as wide as a phone`).toBe(true);
}

play("played games are listed, shown again move by move, and proved", async () => {
  const session = new Session({ origin: server.origin });
  await session.register(ADA.email, ADA.password, ADA.username);
  const other = new Session({ origin: server.origin });
  await other.guest("<i>Bob</i>");
  const clients = [bot(session), bot(other)];
  const crosses = await played("tic_tac_toe", clients);
  const dice = await played("bigger_dice", clients);
  for (const client of clients) client.close();
  const { games } = await session.playedGames();

  const { page, complaints } = await player(browser, {
    viewport: { width: 1280, height: 800 },
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await signIn(page, "/history");
  const line = (roomId: string) => page.locator(`[data-testid="played"][data-room-id="${roomId}"]`);
  for (const { room_id, result, prize_cents, fee_cents } of games) {
    await line(room_id).waitFor();
    expect(await line(room_id).getAttribute("data-result")).toBe(result);
    expect(await line(room_id).getAttribute("data-net")).toBe(String(prize_cents - fee_cents));
  }
  expect(await page.getByTestId("played").count()).toBe(2);
  expect(await line(dice).textContent()).toContain("with <i>Bob</i>");
  expect(await page.getByTestId("figure-played").textContent()).toBe("2");
  await shots(page, "history");

  // The filter stands in the address.
  await page.getByTestId("history-of-tic_tac_toe").click();
  await line(dice).waitFor({ state: "detached" });
  await line(crosses).waitFor();
  expect(new URL(page.url()).search).toBe("?game=tic_tac_toe");
  await page.reload();
  await line(crosses).waitFor();
  expect(await line(dice).count()).toBe(0);
  await page.getByTestId("history-of-all").click();

  await line(dice).getByRole("link").click();
  const step = page.getByTestId("replay-step");
  await step.waitFor();
  expect(new URL(page.url()).pathname).toBe(`/history/bigger_dice/${dice}`);
  const steps = Number(await step.getAttribute("data-steps"));
  const isAt = (at: number) => page.locator(`[data-testid="replay-step"][data-step="${at}"]`).waitFor();
  await page.locator('[data-testid="proof-verdict"][data-verdict="right"]').waitFor();
  await page.keyboard.press("End");
  await isAt(steps - 1);
  const final = await page.locator('[data-testid^="score-"][data-score="10"]').count();
  expect(final, "somebody has ten points at the end").toBe(1);
  await shots(page, "replay-end");
  await page.keyboard.press("ArrowLeft");
  await isAt(steps - 2);
  await page.getByTestId("replay-first").click();
  await isAt(0);
  await page.getByTestId("replay-forward").click();
  await isAt(1);
  await page.getByTestId("replay-slider").fill("5");
  await isAt(5);
  await page.getByTestId("replay-speed").click();
  await page.getByTestId("replay-play").click();
  await expect.poll(async () => Number(await step.getAttribute("data-step")), SLOW).toBeGreaterThanOrEqual(8);
  await page.getByTestId("replay-play").click();
  expect(await page.getByTestId("roll-button").count(), "nothing can be done").toBe(0);
  const won = games.find(({ room_id }) => room_id === dice)?.result === "won";
  expect(await page.getByTestId("replay-net").textContent()).toBe(won ? "+6.00\u00a0€" : "−10.00\u00a0€");

  // All that the proof rests on can be taken along.
  await page.getByTestId("proof").getByText("Seeds and commitments").click();
  await page.getByTestId("copy-seeds").click();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  expect(copied.room_id).toBe(dice);
  for (const { seed, commitment } of copied.seats)
    expect([seed, commitment].every((hex) => /^[0-9a-f]{64}$/.test(hex))).toBe(true);
  expect(await page.getByTestId("proof-server-seed").textContent()).toBe(copied.serverSeed);
  await shots(page, "replay-seeds");

  await page.goto(`${server.origin}/history/tic_tac_toe/${crosses}`);
  await step.waitFor();
  await page.getByTestId("proof-none").waitFor();
  await page.keyboard.press("End");
  await shots(page, "replay-crosses");
  await page.goto(`${server.origin}/history/tic_tac_toe/${dice}`);
  await page.getByTestId("replay-problem").getByText("That room no longer exists.").waitFor();
  expect(complaints.splice(0).every((error) => error.includes("404"))).toBe(true);

  await page.getByTestId("open-account").click();
  await page.getByTestId("to-profile").click();
  await page.locator('[data-testid="profile-verified"][data-verified="false"]').waitFor();
  await page.getByTestId("profile-history").waitFor();
  expect(await fits(page)).toBe(true);
  await shots(page, "profile");

  // The other browser of the same user is out as well, as soon as it asks.
  const elsewhere = await player(browser);
  await signIn(elsewhere.page, "/profile");
  await elsewhere.page.getByTestId("profile-name").waitFor();
  await page.getByTestId("sign-out-everywhere").click();
  await page.getByTestId("guest-button").waitFor();
  await elsewhere.page.reload();
  await elsewhere.page.getByTestId("guest-button").waitFor();
  expect([...complaints, ...elsewhere.complaints]).toEqual([]);
});

play("the lobby shows the rooms that are chosen, by the address too", async () => {
  const hosts = await Promise.all(
    ["Ada", "Bob"].map(async (name) => {
      const session = new Session({ origin: server.origin });
      await session.guest(name);
      return enter(session);
    }),
  );
  const open = async (host: number, fields: object) => {
    const answer = await hosts[host]?.command("games.command.create_room", {
      game_type: "bigger_dice",
      room_name: "Table",
      max_players: 2,
      ...fields,
    });
    return answer && "room" in answer ? answer.room.room_id : "";
  };
  const dice = await open(0, {});
  const crosses = await open(1, { game_type: "tic_tac_toe", password: "secret" });

  const { page, complaints } = await player(browser, {
    viewport: { width: 1280, height: 800 },
    reducedMotion: "reduce",
  });
  await page.goto(`${server.origin}/?password=with`);
  await page.getByTestId("guest-button").click();
  const card = (roomId: string) => page.locator(`[data-testid="room-card"][data-room-id="${roomId}"]`);
  await card(crosses).waitFor();
  expect(await card(dice).count()).toBe(0);
  await page.getByTestId("filter-game").selectOption("bigger_dice");
  await page.getByTestId("none-pass").waitFor();
  expect(new URL(page.url()).search).toBe("?game=bigger_dice&password=with");
  await shots(page, "lobby-none-pass");
  await page.getByTestId("filter-password").selectOption("");
  await card(dice).waitFor();

  // It stays while one looks elsewhere, and a reload keeps it.
  await page.getByTestId("open-wallet").click();
  await page.getByTestId("statement").waitFor();
  await page.getByTestId("home").click();
  await card(dice).waitFor();
  await page.reload();
  await card(dice).waitFor();
  expect(await card(crosses).count()).toBe(0);
  await page.getByTestId("filter-clear").click();
  await card(crosses).waitFor();
  expect(new URL(page.url()).search).toBe("");
  await shots(page, "lobby");
  expect(complaints).toEqual([]);
});

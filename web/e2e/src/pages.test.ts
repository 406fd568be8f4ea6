import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { balanceReaches, enterAsGuest, launch, player, rollToTheEnd, shot } from "./browser.js";
import { ScriptedServer } from "./scripted_server.js";

const PAGES = fileURLToPath(new URL("../../play/dist", import.meta.url));

let browser: Browser;
let server: ScriptedServer;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  server = await ScriptedServer.start(PAGES);
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await server.stop();
});

test("a whole game between two players, with a reload and lost connections", async () => {
  const ada = await player(browser, { colorScheme: "dark" });
  const bob = await player(browser, { colorScheme: "light" });
  await ada.page.goto(server.origin);
  await ada.page.getByTestId("guest-button").waitFor();
  await shot(ada.page, "welcome-dark");
  const adaId = await enterAsGuest(ada.page, server.origin);
  const bobId = await enterAsGuest(bob.page, server.origin);
  await balanceReaches(bob.page, 5_000);
  await shot(bob.page, "lobby-empty-light");

  await ada.page.getByTestId("create-room").click();
  await ada.page.getByTestId("room-name").fill("<b>Sunset</b> & Co");
  await shot(ada.page, "create-dark");
  await ada.page.getByTestId("confirm-create").click();
  await ada.page.getByTestId(`select-${adaId}`).waitFor();
  const roomUrl = ada.page.url();
  expect(roomUrl).toMatch(/\/r\/[0-9a-f-]{36}$/);

  const card = bob.page.getByTestId("room-card");
  await card.waitFor();
  expect(await card.locator("h2").textContent()).toBe("<b>Sunset</b> & Co");
  await shot(bob.page, "lobby-light");
  await card.getByTestId("join-button").click();
  expect(await bob.page.getByTestId("join-fee").textContent()).toBe("10.00\u00a0€");
  expect(await bob.page.getByTestId("join-prize").textContent()).toBe("16.00\u00a0€");
  await shot(bob.page, "join-light");
  await bob.page.getByTestId("confirm-join").click();

  await ada.page.getByTestId(`select-${bobId}`).click();
  await balanceReaches(bob.page, 4_000);
  await ada.page.getByTestId(`select-${adaId}`).click();
  await balanceReaches(ada.page, 4_000);
  await bob.page.getByTestId("ready-button").click();
  await ada.page.locator(`[data-testid="seat-${bobId}"][data-ready]`).waitFor();
  await shot(ada.page, "room-dark");
  await ada.page.getByTestId("ready-button").click();
  await ada.page.getByTestId("die").waitFor();

  await rollToTheEnd([ada.page, bob.page], async (rolls) => {
    if (rolls === 5) {
      await bob.page.reload();
      await bob.page.getByTestId("die").waitFor();
      expect(bob.page.url()).toBe(roomUrl);
    }
    if (rolls === 8) {
      for (const { expected } of [ada, bob]) expected.allow(/^WebSocket connection to /);
      server.cutAll();
    }
    if (rolls === 10) {
      await shot(ada.page, "game-dark");
      await shot(bob.page, "game-light");
    }
  });
  const winner = await ada.page.getByTestId("result").getAttribute("data-winner");
  expect([adaId, bobId]).toContain(winner);
  await balanceReaches(ada.page, winner === adaId ? 5_600 : 4_000);
  await balanceReaches(bob.page, winner === bobId ? 5_600 : 4_000);
  // Also where the page was reloaded after the seeds had been shown.
  for (const { page } of [ada, bob]) {
    await page.locator('[data-testid="verdict"][data-right="true"]').waitFor();
    expect(await page.getByTestId("draws-checked").textContent()).toMatch(/\d+ throws checked and correct/);
  }
  await shot(ada.page, "result-dark");
  await shot(bob.page, "result-light");
  await ada.page.getByTestId("back-to-lobby").click();
  await ada.page.getByTestId("create-room").waitFor();
  expect([...ada.complaints, ...bob.complaints]).toEqual([]);
});

test("a refusal is told in plain words, and a hidden room says that one is not in it", async () => {
  const { page, complaints, expected } = await player(browser);
  await enterAsGuest(page, server.origin);
  server.refuseNext.set("create_room", "invalid_name");
  await page.getByTestId("create-room").click();
  await page.getByTestId("confirm-create").click();
  await page.getByTestId("toast").getByText("A room's name has 1 to 50 characters.").waitFor();
  await shot(page, "toast");
  const room = server.addRoom(server.addUser("Grace"), "Elsewhere", 4);
  await page.goto(`${server.origin}/r/${room.id}`);
  await page.getByTestId("not-in-room").getByTestId("join-button").click();
  await page.getByTestId("confirm-join").click();
  await page.getByTestId("leave-room").click();
  await page.getByTestId("create-room").waitFor();
  await page.goto(`${server.origin}/r/00000000-0000-0000-0000-000000000000`);
  await page.getByTestId("not-in-room").waitFor();
  await page.getByTestId("back-to-lobby").click();
  const failing = expected.allow(/status of 503 /);
  server.failNext = 2;
  await page.reload();
  await page.getByTestId("create-room").waitFor();
  expect(server.failNext).toBe(0);
  failing();
  await page.getByTestId("logout").click();
  await page.getByTestId("guest-button").waitFor();
  await page.reload();
  await page.getByTestId("guest-button").waitFor();
  expected.allow(/status of 401 .*\/api\/v1\/auth\/login\)$/);
  await page.getByTestId("email").fill("a@example.com");
  await page.getByTestId("password").fill("not-the-password");
  await page.getByTestId("account-submit").click();
  await page.getByTestId("problem").getByText("The e-mail address or the password is wrong.").waitFor();
  expect(complaints).toEqual([]);
});

test("a tie-break shows at a glance who rolls again and who sits out", async () => {
  const players = [
    await player(browser, { colorScheme: "dark" }),
    await player(browser, { viewport: { width: 390, height: 844 }, colorScheme: "light" }),
    await player(browser),
  ];
  const ids: string[] = [];
  for (const { page } of players) ids.push(await enterAsGuest(page, server.origin));
  const [a, b, c] = players.map(({ page }) => page) as [Page, Page, Page];
  const room = server.addRoom(server.users.get(ids[0] ?? "") as never, "Three", 3);
  room.loaded = [5, 2, 5, 3];
  await a.goto(`${server.origin}/r/${room.id}`);
  for (const page of [b, c]) {
    await page.goto(`${server.origin}/r/${room.id}`);
    await page.getByTestId("join-button").click();
    await page.getByTestId("confirm-join").click();
    await page.getByTestId("leave-room").waitFor();
  }
  for (const id of ids) await a.getByTestId(`select-${id}`).click();
  for (const page of [a, b, c]) await page.getByTestId("ready-button").click();
  for (const page of [a, b, c]) await page.locator('[data-testid="roll-button"]:not([disabled])').click();
  for (const page of [a, b, c]) {
    await page.getByTestId("tie").waitFor();
    await page.getByTestId(`tie-in-${ids[2]}`).waitFor();
    await page.getByTestId(`tied-${ids[0]}`).waitFor();
    await page.getByTestId(`tied-${ids[2]}`).waitFor();
    await page.locator(`[data-testid="player-${ids[1]}"][data-out]`).waitFor();
  }
  expect(await b.getByTestId("said").textContent()).toContain("Guest 1 and Guest 3 roll again");
  await shot(a, "tie-dark");
  await shot(b, "tie-phone");
  await a.getByTestId("auto-on").click();
  await b.getByTestId(`auto-${ids[0]}`).waitFor();
  await a.getByTestId("leave-room").click();
  await a.getByTestId("confirm-leave").waitFor();
  await shot(a, "leave-dark");
  expect(players.flatMap(({ complaints }) => complaints)).toEqual([]);
});

test("a game without a page of its own is played from its schemas, and one that ships its page is drawn by that", async () => {
  const ada = await player(browser, { colorScheme: "dark" });
  const bob = await player(browser, { viewport: { width: 360, height: 780 }, colorScheme: "light" });
  const ids = [await enterAsGuest(ada.page, server.origin), await enterAsGuest(bob.page, server.origin)];
  const begin = async (gameType: string) => {
    const room = server.addRoom(server.users.get(ids[0] ?? "") as never, "Any game", 2);
    room.gameType = gameType;
    await ada.page.goto(`${server.origin}/r/${room.id}`);
    await bob.page.goto(`${server.origin}/r/${room.id}`);
    await bob.page.getByTestId("join-button").click();
    await bob.page.getByTestId("confirm-join").click();
    for (const id of ids) await ada.page.getByTestId(`select-${id}`).click();
    for (const { page } of [ada, bob]) await page.getByTestId("ready-button").click();
    return room;
  };

  await begin("plain_dice");
  for (const { page } of [ada, bob]) await page.getByTestId("generic-table").waitFor();
  await ada.page.getByText("Plain Dice").first().waitFor();
  await ada.page.getByTestId("play-roll").click();
  await bob.page.getByTestId("game-events").getByText("Rolled").waitFor();
  await bob.page.getByTestId("turn").getByText("It is your turn").waitFor();
  expect(await bob.page.getByTestId("game-state").textContent()).toMatch(/Pending rollers\s*Guest 2/);
  await shot(ada.page, "generic-dark");
  await shot(bob.page, "generic-phone-light");
  expect(await bob.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);

  server.gamePage = `export default {
    title: "Dice from a parcel",
    mount(element) {
      const button = document.createElement("button");
      button.dataset.testid = "parcel-roll";
      element.append(button);
      let now;
      button.addEventListener("click", () => now.act("games.command.shipped_dice.roll"));
      return {
        update(context) {
          now = context;
          button.textContent = context.room.turn?.userId === context.me ? "Your throw" : "Wait";
        },
      };
    },
  }`;
  await begin("shipped_dice");
  await ada.page.getByTestId("parcel-roll").getByText("Your throw").click();
  await bob.page.getByTestId("parcel-roll").getByText("Your throw").waitFor();
  await ada.page.getByText("Dice from a parcel").waitFor();
  expect(await ada.page.getByTestId("generic-table").count()).toBe(0);
  expect([...ada.complaints, ...bob.complaints]).toEqual([]);
});

test("a phone shows everything without scrolling sideways", async () => {
  const { page, complaints } = await player(browser, {
    viewport: { width: 360, height: 740 },
    hasTouch: true,
    colorScheme: "dark",
  });
  const fits = async () =>
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await page.goto(server.origin);
  await page.getByTestId("guest-button").waitFor();
  await fits();
  await shot(page, "phone-welcome");
  const me = await enterAsGuest(page, server.origin);
  for (const name of ["Ten seats, and a name that goes on and on and on", "Duel"]) {
    server.addRoom(server.addUser("Maximiliane"), name, name === "Duel" ? 2 : 10);
  }
  await page.reload();
  await page.getByTestId("room-card").first().waitFor();
  await fits();
  await shot(page, "phone-lobby");
  await page.getByTestId("create-room").click();
  for (let seats = 2; seats < 4; seats++) await page.getByTestId("seats-more").click();
  await page.getByTestId("confirm-create").click();
  await page.getByTestId(`select-${me}`).click();
  await page.getByTestId("ready-button").waitFor();
  await fits();
  await shot(page, "phone-room");
  expect(complaints).toEqual([]);
});

import { expect } from "vitest";
import { player } from "./browser.js";
import { tour } from "./console_tour.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

play("an operator gets from a complaint to its cause, sees all there is, and acts", async () => {
  await tour(browser, {
    origin: server.origin,
    tool: (args, input) => server.tool(args, input),
    fill: async (topics) => {
      await server.stop();
      for (const [topic, records] of Object.entries(topics)) await server.fill(topic, records);
      await server.start({ listen: new URL(server.origin).host });
    },
  });
});

play("whoever is a player is refused by the console and by every call of its API", async () => {
  const { page, complaints, expected } = await player(browser);
  expected.allow(/status of 403 /);
  const register = await page.request.post(`${server.origin}/api/v1/auth/register`, {
    data: { email: "ada@example.com", password: "correct horse battery", username: "Ada" },
  });
  const { access_token } = await register.json();
  await page.context().clearCookies();
  await page.goto(`${server.origin}/kafka/money`);
  await page.getByTestId("email").fill("ada@example.com");
  await page.getByTestId("password").fill("correct horse battery");
  await page.getByTestId("submit").click();
  await page.getByTestId("stranger").waitFor();
  expect(await page.getByTestId("content").count()).toBe(0);
  for (const path of [
    "me",
    "topics",
    "topics/games.events",
    "topics/games.events/messages",
    "topics/games.events/messages/0/0",
    "groups",
    "groups/blazing_sun/lag",
    "dead-letters",
    "outbox",
    "members",
    "log",
    "trace/0190c2a4-1111-7222-8333-444455556666",
    "rooms",
    "rooms/0190c2a4-1111-7222-8333-444455556666",
    "players?query=Ada",
    "players/7",
    "players/7/statement",
    "money",
    "money/audit",
    "settings",
  ]) {
    const url = `${server.origin}/api/v1/admin/${path}`;
    const headers = { authorization: `Bearer ${access_token}` };
    expect((await fetch(url, { headers })).status, path).toBe(403);
    expect((await fetch(url)).status, path).toBe(401);
  }
  for (const path of [
    "players/1/credit",
    "players/1/ban",
    "rooms/x/close",
    "dead-letters/0-0/retry",
    "money/audit",
    "maintenance",
  ]) {
    const url = `${server.origin}/api/v1/admin/${path}`;
    const headers = { authorization: `Bearer ${access_token}`, "content-type": "application/json" };
    expect((await fetch(url, { method: "POST", headers, body: "{}" })).status, path).toBe(403);
  }
  expect(complaints).toEqual([]);
});

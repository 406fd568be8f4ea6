import { expect } from "vitest";
import { enterAsGuest, guest, openRoom, player, reads, say } from "./browser.js";
import { OUTAGE } from "./harness.js";
import { Findings } from "./inspect.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

play("who comes, looks around and pays finds every page in order", async () => {
  const found = new Findings();
  const ada = await player(browser);
  const { page } = ada;
  const openAndClose = async (name: string, opens: string, shows: string) => {
    await page.getByTestId(opens).click();
    await page.getByTestId(shows).waitFor();
    await found.at(page, name);
    await page.keyboard.press("Escape");
    await page.getByTestId(shows).waitFor({ state: "hidden" });
  };
  await page.goto(server.origin);
  await page.getByTestId("guest-button").waitFor();
  await found.at(page, "welcome");
  await page.getByTestId("account-mode").click();
  await page.getByTestId("new-username").waitFor();
  await found.at(page, "register");
  await page.getByTestId("account-mode").click();
  await page.getByTestId("forgot").click();
  await page.getByTestId("forgot-email").waitFor();
  await found.at(page, "forgot");
  for (const [path, shows] of [
    ["reset-password#x", "reset-submit"],
    ["verify-email#x", "mail-link"],
  ]) {
    ada.expected.allow(/400 \(Bad Request\)/);
    await page.goto(`${server.origin}/${path}`);
    await page.getByTestId(shows ?? "").waitFor();
    await found.at(page, path?.split("#")[0] ?? "");
  }

  await enterAsGuest(page, server.origin);
  await found.at(page, "lobby-empty");
  await openAndClose("account-guest", "open-account", "account");
  await openAndClose("messages-empty", "open-messages", "messages");
  await openAndClose("create", "create-room", "create-dialog");
  const bob = await guest(browser, server.origin);
  await openRoom(bob.page, { name: "A table of Bob’s", password: "between us" });
  await page.getByTestId("room-card").waitFor();
  await say(page, "Who plays?");
  await reads(page, "Who plays?");
  await found.at(page, "lobby");
  await openAndClose("join", "join-button", "join-dialog");

  await page.getByTestId("open-wallet").click();
  await page.getByTestId("statement-entry").waitFor();
  await page.getByTestId("top-up-form").waitFor();
  await found.at(page, "wallet");
  await page.getByTestId("top-up-amount").fill("1000000");
  await page.getByTestId("top-up-submit").click();
  await page.getByTestId("top-up-fault").waitFor();
  await page.getByTestId("limit-change-day").click();
  await found.at(page, "wallet-filled");
  await openAndClose("break", "break-begin", "break-dialog");

  await page.goto(`${server.origin}${new URL(bob.page.url()).pathname}`);
  await page.getByTestId("not-in-room").waitFor();
  await found.at(page, "room-from-outside");
  await page.goto(`${server.origin}/r/0190b1f0-1111-7222-8333-444455556666`);
  await page.getByText("This room has ended").waitFor();
  await found.at(page, "room-ended");
  ada.expected.allow(OUTAGE);
  await server.stop("SIGKILL");
  await page.getByTestId("connection-lost").waitFor();
  await found.at(page, "connection-lost");
  expect(ada.complaints).toEqual([]);
  found.none();
});

import { expect } from "vitest";
import { balanceReaches, enterAsGuest, phoneShot, player, shot } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

const link = (page: string) => new RegExp(`http://127\\.0\\.0\\.1:\\d+/${page}#[A-Za-z0-9_-]{43}`, "g");

play("a guest keeps the account, confirms the address, and comes back after forgetting the password", async () => {
  const ada = await player(browser, { colorScheme: "light" });
  const id = await enterAsGuest(ada.page, server.origin);
  await balanceReaches(ada.page, 5_000);
  await ada.page.getByTestId("open-account").click();
  await ada.page.getByTestId("upgrade-email").fill("ada@example.com");
  await ada.page.getByTestId("upgrade-password").fill("correct horse");
  await ada.page.getByTestId("upgrade-username").fill("Ada");
  await shot(ada.page, "account-upgrade-light");
  const confirmation = await server.prints(link("verify-email"), () => ada.page.getByTestId("upgrade-submit").click());
  await ada.page.getByTestId("account-email").waitFor();
  expect(await ada.page.getByTestId("account-verified").getAttribute("data-verified")).toBe("false");
  await shot(ada.page, "account-unverified-light");
  await ada.page.getByTestId("account-close").click();
  expect(await ada.page.getByTestId("username").getAttribute("data-user-id")).toBe(id);
  expect(await ada.page.getByTestId("username").textContent()).toBe("Ada");
  await balanceReaches(ada.page, 5_000);
  await ada.page.locator('[data-testid="connection"][data-state="online"]').waitFor();

  await ada.page.goto(confirmation);
  await ada.page.locator('[data-testid="mail-link"][data-done="true"]').waitFor();
  expect(ada.page.url()).toBe(`${server.origin}/verify-email`);
  await shot(ada.page, "verified-light");
  await ada.page.getByTestId("mail-link-home").click();
  await ada.page.getByTestId("open-account").click();
  await ada.page.locator('[data-testid="account-verified"][data-verified="true"]').waitFor();
  await ada.page.getByTestId("account-close").click();

  const elsewhere = await player(browser, { colorScheme: "dark" });
  elsewhere.expected.allow(/400 \(Bad Request\)/);
  await elsewhere.page.goto(server.origin);
  await elsewhere.page.getByTestId("forgot").click();
  await elsewhere.page.getByTestId("forgot-email").fill("Ada@Example.com");
  const reset = await server.prints(link("reset-password"), () => elsewhere.page.getByTestId("forgot-submit").click());
  await elsewhere.page.getByTestId("forgot-sent").waitFor();
  await shot(elsewhere.page, "forgot-dark");
  await elsewhere.page.goto(reset);
  await elsewhere.page.getByTestId("new-password").fill("battery staple");
  expect(await phoneShot(elsewhere.page, "reset-phone-dark")).toBe(true);
  await elsewhere.page.getByTestId("reset-submit").click();
  await balanceReaches(elsewhere.page, 5_000);
  expect(await elsewhere.page.getByTestId("username").getAttribute("data-user-id")).toBe(id);
  expect(new URL(elsewhere.page.url()).hash).toBe("");

  await elsewhere.page.goto(reset);
  await elsewhere.page.getByTestId("new-password").fill("another one");
  await elsewhere.page.getByTestId("reset-submit").click();
  await elsewhere.page.getByTestId("problem").getByText("has been used").waitFor();
  expect([ada, elsewhere].flatMap(({ complaints }) => complaints)).toEqual([]);
});

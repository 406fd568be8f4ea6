import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import { enterAsGuest } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";
import { SLOW } from "./table.js";

useProgram();

const FIRST_LOAD_BYTES_MAX = 150 * 1024;
const REQUESTS_MAX = 10;

interface Received {
  path: string;
  status: number;
  bytes: number;
  headers: Record<string, string>;
}

/** All that a page receives over HTTP, weighed as it comes over the network. */
async function receive(context: BrowserContext, page: Page): Promise<Received[]> {
  const session = await context.newCDPSession(page);
  const known = new Map<string, Received>();
  const received: Received[] = [];
  await session.send("Network.enable");
  session.on("Network.responseReceived", ({ requestId, response }) => {
    const headers = Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
    const path = response.url.replace(server.origin, "");
    known.set(requestId, { path, status: response.status, bytes: 0, headers: Object.fromEntries(headers) });
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const response = known.get(requestId);
    if (response) received.push({ ...response, bytes: encodedDataLength });
  });
  return received;
}

play("a first visit is light, kept for ever where that is right, and of this server alone", async () => {
  // The program's own pages, wherever others are shown.
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const received = await receive(context, page);
  await page.goto(server.origin);
  await page.getByTestId("guest-button").waitFor();
  await expect.poll(() => received.some(({ path }) => path === "/api/v1/auth/refresh"), SLOW).toBe(true);
  await expect.poll(() => received.some(({ path }) => path === "/favicon.svg"), SLOW).toBe(true);
  expect(received.filter(({ path }) => !path.startsWith("/"))).toEqual([]);
  expect(received.length).toBeLessThanOrEqual(REQUESTS_MAX);
  const bytes = received.reduce((sum, each) => sum + each.bytes, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(FIRST_LOAD_BYTES_MAX);

  const assets = received.filter(({ path }) => path.startsWith("/assets/"));
  expect(assets.map(({ path }) => path.split(".").at(-1))).toEqual(expect.arrayContaining(["js", "css"]));
  for (const { path, headers } of assets) {
    expect(headers["cache-control"], path).toBe("public, max-age=31536000, immutable");
    expect(["br", "gzip"], path).toContain(headers["content-encoding"]);
    expect(headers.vary, path).toContain("accept-encoding");
  }
  const html = received.find(({ path }) => path === "/");
  expect(html?.headers).toMatchObject({
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
  });
  const policy = html?.headers["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
  expect(policy).not.toMatch(/unsafe|data:|https?:/);

  received.length = 0;
  await page.reload();
  await page.getByTestId("guest-button").waitFor();
  const again = () => received.filter(({ path }) => path.startsWith("/assets/"));
  await expect.poll(() => again().length, SLOW).toBeGreaterThanOrEqual(assets.length);
  // Nothing of what never changes comes over the network again, and of the rest no more than that it has not.
  expect(again().filter(({ bytes }) => bytes > 0)).toEqual([]);

  // No script of any page can read what keeps the player signed in.
  await enterAsGuest(page, server.origin);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  expect(kept).not.toContain("eyJ");
  expect(kept).toMatch(/,""]$/);
  const [cookie, ...others] = await context.cookies();
  expect(others).toEqual([]);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/api/v1/auth" });
  expect(kept).not.toContain(cookie?.value);
  expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);

  // The policy is in force: what a page might be made to add does not run.
  const ran = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "window.ran = 1";
    document.body.append(script);
    document.body.insertAdjacentHTML("beforeend", '<img src="/favicon.svg" onload="window.ran = 2">');
    await document.body.querySelector("img")?.decode();
    return (window as unknown as { ran?: number }).ran;
  });
  expect(ran).toBeUndefined();
});

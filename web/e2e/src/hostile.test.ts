import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { enterAsGuest, launch, player } from "./browser.js";
import { Findings } from "./inspect.js";
import { ScriptedServer } from "./scripted_server.js";

const PAGES = process.env.E2E_PAGES ?? fileURLToPath(new URL("../../play/dist", import.meta.url));

/** What a name or a message may look like that is meant to harm, also what the real server refuses. */
const HOSTILE = {
  markup: '<img src=x onerror="document.title=1"><script>document.title=1</script>',
  entities: "&lt;b&gt; &#60;i&#62; \u003cu\u003e",
  template: "{{constructor.constructor('alert(1)')()}}",
  link: "javascript:document.title=1",
  backwards: "abc\u202edlrow\u2066 olleh\u202e",
  hidden: "a\u200b\u200d\u2060\ufeff\u00adb",
  tower: `Z${"\u0351\u036d\u0328".repeat(40)}algo`,
  endless: "W".repeat(400),
  emoji: "👩‍👩‍👧‍👦🏳️‍🌈".repeat(30),
  lines: "one\n\n\n\ttwo",
};

test("hostile names and messages are text, run nothing, and leave every page in its shape", async () => {
  const browser = await launch();
  const server = await ScriptedServer.start(PAGES);
  try {
    const found = new Findings();
    const { page, complaints } = await player(browser);
    let dialogs = 0;
    page.on("dialog", (dialog) => {
      dialogs += 1;
      void dialog.dismiss();
    });
    const me = await enterAsGuest(page, server.origin);
    const texts = Object.values(HOSTILE);
    const users = texts.map((text) => server.addUser(text));
    const rooms = users.map((user, at) => server.addRoom(user, texts[(at + 1) % texts.length] ?? "", 2));
    await page.reload();
    await page
      .getByTestId("room-card")
      .nth(rooms.length - 1)
      .waitFor();
    expect((await page.getByTestId("room-card").locator("h2").allTextContents()).sort()).toEqual([...texts].sort());
    await found.at(page, "hostile-lobby");

    const own = server.addRoom(server.users.get(me) as never, HOSTILE.endless, 10);
    own.lobby.push(...users);
    await page.goto(`${server.origin}/r/${own.id}`);
    await page.getByTestId("room-title").waitFor();
    for (const [at, user] of users.entries()) server.say(own, user, texts[(at + 2) % texts.length] ?? "");
    await page
      .getByTestId("chat-message")
      .nth(texts.length - 1)
      .waitFor();
    for (const { user_id, username } of users) {
      expect(await page.getByTestId(`name-${user_id}`).textContent()).toContain(username);
    }
    const lines = page.getByTestId("chat-lines");
    expect(await lines.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBeLessThanOrEqual(0);
    await found.at(page, "hostile-room");

    // A name stands alone, so that what it does to the direction of text ends with it.
    const isolated = (await page.getByTestId(`name-${users[4]?.user_id}`).locator("bdi").count()) > 0;
    expect(isolated).toBe(true);
    expect(await made(page)).toEqual({ images: 0, scripts: 0, links: 0 });
    expect(await page.title()).not.toBe("1");
    expect(dialogs).toBe(0);
    expect(complaints).toEqual([]);
    found.none();
  } finally {
    await browser.close();
    await server.stop();
  }
});

/** What the texts would have become as markup. */
function made(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() => {
    const count = { images: 0, scripts: 0, links: 0 };
    const look = (root: Document | ShadowRoot) => {
      count.images += root.querySelectorAll('img[src="x"]').length;
      count.scripts += root.querySelectorAll("script:not([src])").length;
      count.links += root.querySelectorAll('a[href^="javascript:"]').length;
      for (const element of root.querySelectorAll("*")) if (element.shadowRoot) look(element.shadowRoot);
    };
    look(document);
    return count;
  });
}

import { afterEach, expect, it, vi } from "vitest";
import "../src/elements/app.js";
import { FakeSocket, stubServer, user } from "./fake_server.js";

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

it("has one word for a lost connection, whatever its attempts come to", async () => {
  const ada = user("1", "ada");
  stubServer(() => ada);
  vi.stubGlobal("BroadcastChannel", undefined);
  const app = document.createElement("bs-app");
  document.body.replaceChildren(app);
  const status = () => app.shadowRoot?.querySelector<HTMLElement>('[data-testid="connection"]');
  const first = await FakeSocket.opened(1);
  first.signIn(ada);
  await vi.waitFor(() => expect(status()?.dataset.state).toBe("online"));
  expect(status()?.textContent?.trim()).toBe("Connected");

  const words = new Map<string | undefined, string | undefined>();
  const watch = new MutationObserver(() => words.set(status()?.dataset.state, status()?.textContent?.trim()));
  if (app.shadowRoot)
    watch.observe(app.shadowRoot, { subtree: true, attributes: true, attributeFilter: ["data-state"] });
  first.onclose({ code: 1006 });
  const second = await FakeSocket.opened(2);
  await vi.waitFor(() => expect([...words.keys()]).toEqual(["waiting", "connecting"]));
  watch.disconnect();
  expect([...words.values()]).toEqual(["Reconnecting…", "Reconnecting…"]);
  second.signIn(ada);
  await vi.waitFor(() => expect(status()?.textContent?.trim()).toBe("Connected"));
});

it("says on every page that there is maintenance, from its announcement to its end", async () => {
  const ada = user("1", "ada");
  stubServer(() => ada);
  vi.stubGlobal("BroadcastChannel", undefined);
  const app = document.createElement("bs-app");
  document.body.replaceChildren(app);
  const bar = () =>
    app.shadowRoot
      ?.querySelector("bs-maintenance")
      ?.shadowRoot?.querySelector<HTMLElement>('[data-testid="maintenance"]');
  const socket = await FakeSocket.opened(1);
  socket.signIn(ada);
  const announce = (startsInMs: number, more = {}) =>
    socket.says({
      type: "system.event.maintenance",
      starts_at: new Date(Date.now() + startsInMs).toISOString(),
      message: "A new version comes in.",
      ...more,
    });
  announce(3_600_000);
  await vi.waitFor(() => expect(bar()?.dataset.state).toBe("soon"));
  expect(bar()?.textContent).toContain("A new version comes in.");
  announce(-1_000);
  await vi.waitFor(() => expect(bar()?.dataset.state).toBe("now"));
  expect(bar()?.textContent).toContain("no new games");
  announce(-1_000, { is_over: true });
  await vi.waitFor(() => expect(bar()).toBeFalsy());
});

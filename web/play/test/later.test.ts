import { render } from "lit";
import { afterEach, expect, it, vi } from "vitest";
import { LaterPages } from "../src/later.js";

afterEach(() => {
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

async function failed() {
  const load = vi.fn(() => Promise.reject(new TypeError("Failed to fetch dynamically imported module")));
  const reload = vi.fn();
  const pages = new LaterPages(() => draw(), { "bs-missing": load }, reload);
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  const draw = () =>
    render(
      pages.draw("bs-missing", () => {
        throw new Error("there is no such page");
      }),
      root,
    );
  draw();
  const button = () => document.querySelector<HTMLElement>('[data-testid="load-again"]');
  await vi.waitFor(() => expect(button()).not.toBeNull());
  return { load, reload, button };
}

it("loads the page anew where a part of it is not there, for a newer server has other files", async () => {
  const { load, reload, button } = await failed();
  button()?.click();
  expect(reload).toHaveBeenCalledTimes(1);
  expect(load).toHaveBeenCalledTimes(1);
});

it("only asks again without a network, where a reload would leave nothing", async () => {
  const { load, reload, button } = await failed();
  vi.spyOn(navigator, "onLine", "get").mockReturnValue(false);
  button()?.click();
  await vi.waitFor(() => expect(load).toHaveBeenCalledTimes(2));
  expect(reload).not.toHaveBeenCalled();
});

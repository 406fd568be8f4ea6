import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../src/elements/profile.js";
import { Play } from "../src/play.js";
import { FakeSocket, stubServer, user } from "./fake_server.js";

const STATISTICS = {
  currency: "eur",
  games: [{ game_type: "bigger_dice", played: 3, won: 1, returned: 0, fees_cents: 3_000, prizes_cents: 1_600 }],
};

async function shown(more: object, answers: Record<string, unknown> = {}) {
  stubServer(() => ({ ...user("1", "<b>Ada</b>"), ...more }), { "me/statistics": STATISTICS, ...answers });
  const fetched = vi.spyOn(globalThis, "fetch");
  const play = new Play();
  await play.restore();
  const page = Object.assign(document.createElement("bs-profile"), { play });
  document.body.replaceChildren(page);
  await (page as unknown as { updateComplete: Promise<boolean> }).updateComplete;
  const find = (id: string) => page.shadowRoot?.querySelector<HTMLElement>(`[data-testid="${id}"]`);
  const asked = () => fetched.mock.calls.map(([path]) => String(path).replace("/api/v1/", ""));
  return { play, find, asked };
}

describe("the profile", () => {
  beforeEach(() => vi.stubGlobal("BroadcastChannel", undefined));
  afterEach(() => {
    document.body.replaceChildren();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    FakeSocket.all.length = 0;
  });

  it("shows the name as text, the address and how it stands, and what was played", async () => {
    const { find } = await shown({ email: "ada@example.com", is_email_verified: false });
    expect(find("profile-name")?.textContent).toBe("<b>Ada</b>");
    expect(find("profile-email")?.textContent).toBe("ada@example.com");
    expect(find("profile-verified")?.dataset.verified).toBe("false");
    await vi.waitFor(() => expect(find("profile-history")).toBeTruthy());
  });

  it("offers a guest to keep the account, and no way to lose it on all devices", async () => {
    const { find, play } = await shown({ roles: ["guest"] });
    expect(find("profile-email")).toBeFalsy();
    expect(find("sign-out-everywhere")).toBeFalsy();
    find("profile-keep")?.click();
    expect(play.isAccountOpen).toBe(true);
  });

  it("has a link for a new password sent, once", async () => {
    const { find, asked } = await shown({ email: "ada@example.com", is_email_verified: true });
    expect(find("profile-confirm")).toBeFalsy();
    find("password-send")?.click();
    find("password-send")?.click();
    await vi.waitFor(() => expect(find("password-sent")?.textContent).toContain("ada@example.com"));
    expect(asked().filter((path) => path === "auth/password-reset")).toHaveLength(1);
  });

  it("signs out on all devices, and then knows nobody", async () => {
    const { find, asked, play } = await shown({ email: "ada@example.com" });
    find("sign-out-everywhere")?.click();
    await vi.waitFor(() => expect(play.account).toBeUndefined());
    expect(asked()).toContain("auth/logout-everywhere");
    expect(play.route).toEqual({ page: "lobby" });
  });

  it("stays signed in where the server refuses, and says why", async () => {
    const { find, play } = await shown({ email: "ada@example.com" }, { "auth/logout-everywhere": null });
    find("sign-out-everywhere")?.click();
    await vi.waitFor(() => expect(play.toasts).toHaveLength(1));
    expect(play.account?.user_id).toBe("1");
  });
});

import type { Payment, PaymentTerms, Rest } from "@blazing-sun/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Play } from "../src/play.js";
import { FakeSocket, stubServer, user } from "./fake_server.js";

const ADA = user("1", "ada");
const PAGE = "https://pay.example/cs_1";
const TERMS: PaymentTerms = {
  is_open: true,
  is_test_money: true,
  currency: "eur",
  min_cents: 100,
  max_cents: 100_000,
  day_cents: null,
  week_cents: null,
  month_cents: null,
};

let play: Play;
let server: FakeSocket;
/** What the API answers beside the account. */
let api: Record<string, unknown>;
let left: ReturnType<typeof vi.fn<(address: string) => void>>;

const limits = (used_cents: number, week: number | null = null): Rest.DepositLimits => ({
  limits: (["day", "week", "month"] as const).map((period) => ({
    period,
    used_cents,
    amount_cents: period === "week" ? week : null,
    pending: null,
  })),
  excluded_until: null,
});

const payment = (status: Payment["status"], fields: Partial<Payment> = {}): Payment => ({
  request_id: "p1",
  status,
  amount_cents: 2_000,
  currency: "eur",
  requested_at: "2026-01-01T00:00:00Z",
  refunded_cents: 0,
  session_url: null,
  error_message: null,
  ...fields,
});

const told = (status: Payment["status"], fields: object = {}) =>
  server.says({ type: "wallet.event.top_up", ...payment(status), ...fields });

beforeEach(async () => {
  sessionStorage.clear();
  api = { "checkout/terms": TERMS, "checkout/sessions": { payments: [] }, "me/limits": limits(0) };
  stubServer(() => ADA, api);
  await signIn();
});

afterEach(() => {
  play.client?.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** As a page does that is loaded. */
async function signIn(): Promise<void> {
  const known = FakeSocket.all.length;
  play = new Play();
  left = vi.fn();
  play.leaveFor = left;
  await play.restore();
  server = await FakeSocket.opened(known + 1);
  server.signIn(ADA);
}

/** The player asks for a payment, and is told that it is on its way. */
async function ask(): Promise<void> {
  play.wallet.enter("");
  const asked = play.wallet.topUp(2_000);
  const command = await server.command("wallet.command.top_up");
  told("requested", { correlation_id: command.command_id });
  await asked;
}

async function refuse(code: string, words: string): Promise<string> {
  const asked = play.wallet.topUp(2_000);
  const { command_id } = await server.command("wallet.command.top_up");
  server.says({ type: "games.event.error", code, message: words, command_id });
  await asked;
  return play.wallet.problem;
}

describe("paying", () => {
  it("asks with addresses of the wallet, and goes to the page once there is one", async () => {
    play.wallet.enter("");
    const asked = play.wallet.topUp(2_000);
    expect(play.wallet.isAsking).toBe(true);
    const command = await server.command("wallet.command.top_up");
    expect(command).toMatchObject({
      amount_cents: 2_000,
      success_url: `${location.origin}/wallet?checkout=paid`,
      cancel_url: `${location.origin}/wallet?checkout=unpaid`,
    });
    told("requested", { correlation_id: command.command_id });
    await asked;
    expect(left).not.toHaveBeenCalled();
    // Another device's own payment leads nowhere here.
    told("session_created", { request_id: "p2", session_url: "https://pay.example/other" });
    expect(left).not.toHaveBeenCalled();
    told("session_created", { session_url: PAGE });
    expect(left.mock.calls).toEqual([[PAGE]]);
    told("session_created", { session_url: PAGE, event_id: "again" });
    expect(left).toHaveBeenCalledTimes(1);
  });

  it("finds the page also where its event was lost with the connection", async () => {
    await ask();
    api["checkout/sessions"] = { payments: [payment("session_created", { session_url: PAGE })] };
    server.onclose({ code: 1006 });
    (await FakeSocket.opened(2)).signIn(ADA);
    await vi.waitFor(() => expect(left).toHaveBeenCalledWith(PAGE));
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "/wallet"])("does not go to %s", async (session_url) => {
    await ask();
    told("session_created", { session_url });
    expect(left).not.toHaveBeenCalled();
  });

  it.each(["before", "after"])("goes nowhere by itself where the wallet was left %s the answer", async (when) => {
    if (when === "after") {
      await ask();
      play.wallet.leave();
    } else {
      play.wallet.enter("");
      const asked = play.wallet.topUp(2_000);
      play.wallet.leave();
      told("requested", { correlation_id: (await server.command("wallet.command.top_up")).command_id });
      await asked;
    }
    told("session_created", { session_url: PAGE });
    play.wallet.enter("");
    expect(left).not.toHaveBeenCalled();
    expect(play.wallet.followed?.how).toBe("slow");
    play.wallet.pay(play.wallet.payment as Payment);
    expect(left).toHaveBeenCalledWith(PAGE);
  });

  it("says after a while that the page is slow, and goes there no more by itself", async () => {
    await ask();
    vi.useFakeTimers();
    const asked = play.wallet.topUp(2_000);
    const command = server.sent.at(-1);
    told("requested", { request_id: "p2", correlation_id: command?.command_id });
    await asked;
    vi.advanceTimersByTime(15_000);
    expect(play.wallet.followed).toEqual({ requestId: "p2", how: "slow" });
    told("session_created", { request_id: "p2", session_url: PAGE });
    expect(left).not.toHaveBeenCalled();
  });

  it("says in words what a limit leaves, as it is now", async () => {
    play.wallet.enter("");
    api["me/limits"] = limits(1_500, 3_000);
    const words = await refuse("deposit_limit", "your limit for a week is 30 EUR");
    expect(words).toBe("Your limit is 30.00\u00a0€ in 7 days, and 15.00\u00a0€ of it are left.");
  });

  it("says whose limit it is where the site's is narrower", async () => {
    api["checkout/terms"] = { ...TERMS, week_cents: 2_000, month_cents: 9_000 };
    api["me/limits"] = limits(500, 3_000);
    play.wallet.enter("");
    await vi.waitFor(() => expect(play.wallet.narrowest()?.left).toBe(1_500));
    expect(play.wallet.narrowest()).toEqual({ period: "week", limit: 2_000, left: 1_500, isOwn: false });
    expect(play.wallet.exceeded(1_500)).toBe("");
    expect(play.wallet.exceeded(1_501)).toContain("This site takes at most 20.00\u00a0€ in 7 days");
  });

  it.each([
    ["payments_unavailable", "Nothing can be paid in here."],
    ["banned", "Your account is closed for payments. Please ask whoever runs this site."],
    ["invalid_url", "That is no address of this site."],
    ["brand_new", "In the server’s words."],
  ])("says in words what %s means", async (code, words) => {
    play.wallet.enter("");
    expect(await refuse(code, "In the server’s words.")).toBe(words);
    expect(play.wallet.isAsking).toBe(false);
  });

  it("says until when a break lasts that another device began", async () => {
    play.wallet.enter("");
    const excluded_until = new Date(Date.now() + 86_400_000).toISOString();
    api["me/limits"] = { ...limits(0), excluded_until };
    expect(await refuse("self_excluded", "")).toMatch(/^You take a break until \d+ \w+ \d{4}, \d\d:\d\d\./);
    expect(play.wallet.canPay(payment("session_created", { session_url: PAGE }))).toBe(false);
  });
});

describe("coming back", () => {
  const leave = async () => {
    await ask();
    told("session_created", { session_url: PAGE });
    api["checkout/sessions"] = { payments: [payment("session_created", { session_url: PAGE })] };
    play.client?.close();
    await signIn();
  };

  it("waits for the confirmation of what was paid, and says when it is there", async () => {
    await leave();
    play.wallet.enter("?checkout=paid");
    await vi.waitFor(() => expect(play.wallet.payment?.status).toBe("session_created"));
    expect(play.wallet.followed).toEqual({ requestId: "p1", how: "paid" });
    told("success");
    expect(play.wallet.payment?.status).toBe("success");
    // Where it is seen, nothing pops up beside it.
    expect(play.toasts).toEqual([]);
    play.wallet.dismiss();
    play.wallet.enter("");
    expect(play.wallet.followed).toBeUndefined();
  });

  it.each([
    ["?checkout=unpaid", "unpaid"],
    // By the browser's own way back.
    ["", "unpaid"],
  ])("says at %s that nothing was paid, and lets one go on", async (search, how) => {
    await leave();
    play.wallet.enter(search);
    expect(play.wallet.followed).toEqual({ requestId: "p1", how });
    await vi.waitFor(() => expect(play.wallet.canPay(play.wallet.payment as Payment)).toBe(true));
  });

  it("takes up the newest open payment in another tab, and none where there is none", async () => {
    play.wallet.enter("?checkout=paid");
    await vi.waitFor(() => expect(play.wallet.terms).toBeDefined());
    expect(play.wallet.followed).toBeUndefined();
    api["checkout/sessions"] = { payments: [payment("session_created"), payment("requested", { request_id: "p0" })] };
    play.wallet.enter("?checkout=paid");
    await vi.waitFor(() => expect(play.wallet.followed).toEqual({ requestId: "p1", how: "paid" }));
  });

  it("asks what became of a payment that is open no more", async () => {
    await leave();
    api["checkout/sessions"] = { payments: [] };
    api["checkout/sessions/p1"] = payment("failed", { error_message: "Your card was declined." });
    play.wallet.enter("?checkout=paid");
    await vi.waitFor(() => expect(play.wallet.payment?.error_message).toBe("Your card was declined."));
  });

  it("follows nobody else's payment", async () => {
    await leave();
    api["checkout/sessions"] = { payments: [] };
    api["checkout/sessions/p1"] = null;
    play.wallet.enter("?checkout=paid");
    await vi.waitFor(() => expect(play.wallet.followed).toBeUndefined());
    expect(sessionStorage.getItem("blazing-sun.payment")).toBeNull();
  });
});

it("tells elsewhere of what arrives, or does not", async () => {
  await ask();
  play.wallet.leave();
  told("success");
  told("failed", { request_id: "p3" });
  told("expired", { request_id: "p4" });
  expect(play.toasts.map(({ message }) => message)).toEqual([
    "Your payment has arrived: 20.00\u00a0€ more in your balance.",
    "The payment of 20.00\u00a0€ did not work. Your wallet says more.",
  ]);
});

it("knows when it could not ask, and forgets that once it could", async () => {
  const terms = api["checkout/terms"];
  api["checkout/terms"] = null;
  play.wallet.enter("");
  await vi.waitFor(() => expect(play.wallet.isUnreachable).toBe(true));
  api["checkout/terms"] = terms;
  play.wallet.online();
  await vi.waitFor(() => expect(play.wallet.terms).toEqual(TERMS));
  expect(play.wallet.isUnreachable).toBe(false);
});

it("keeps the limits that were asked for last, in whichever order the answers come", async () => {
  play.wallet.enter("");
  await vi.waitFor(() => expect(play.client?.wallet.limits?.limits[0]?.used_cents).toBe(0));
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const answer: ((limits: Rest.DepositLimits) => void)[] = [];
    vi.spyOn(play.session, "limits").mockImplementation(() => new Promise((resolve) => answer.push(resolve)));
    told("session_created", { request_id: `p${order}` });
    told("expired", { request_id: `p${order}` });
    await vi.waitFor(() => expect(answer).toHaveLength(2));
    const used = [2_000, 700];
    for (const nth of order) {
      answer[nth]?.(limits(used[nth] ?? 0));
      await Promise.resolve();
    }
    await vi.waitFor(() => expect(play.client?.wallet.limits?.limits[0]?.used_cents).toBe(700));
    // What is read while they are told otherwise is older.
    told("success", { request_id: `q${order}` });
    await vi.waitFor(() => expect(answer).toHaveLength(3));
    server.says({ type: "wallet.event.limits", ...limits(900) });
    answer[2]?.(limits(100));
    await new Promise((resolve) => setTimeout(resolve));
    expect(play.client?.wallet.limits?.limits[0]?.used_cents).toBe(900);
  }
});

it("reads the limits again as payments move", async () => {
  play.wallet.enter("");
  await vi.waitFor(() => expect(play.wallet.terms).toBeDefined());
  api["me/limits"] = limits(2_000);
  told("success");
  await vi.waitFor(() => expect(play.client?.wallet.limits?.limits[0]?.used_cents).toBe(2_000));
});

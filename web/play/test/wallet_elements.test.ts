import type { DepositLimits, Payment, PaymentTerms, Transaction } from "@blazing-sun/client";
import type { LitElement } from "lit";
import { afterEach, expect, it, vi } from "vitest";
import { BreakCard } from "../src/elements/break.js";
import { DepositLimitsCard } from "../src/elements/deposit_limits.js";
import { FollowedPayment, Payments } from "../src/elements/payments.js";
import { Statement } from "../src/elements/statement.js";
import { TopUp } from "../src/elements/top_up.js";
import { Wallet } from "../src/wallet.js";

const TERMS: PaymentTerms = {
  is_open: true,
  is_test_money: true,
  currency: "eur",
  min_cents: 500,
  max_cents: 5_000,
  day_cents: null,
  week_cents: null,
  month_cents: null,
};

/** As much of the page's state as these elements use; the client's commands are answered by what the test says. */
function stub(limits: DepositLimits = { limits: [] }) {
  const listeners = new Set<() => void>();
  const client = {
    clock: { now: () => Date.now() },
    wallet: {
      limits,
      known: [] as Payment[],
      payments() {
        return this.known;
      },
      payment(id: string) {
        return this.known.find((each) => each.request_id === id);
      },
      topUp: vi.fn(async (_cents: number) => ({ request_id: "p1" })),
      cancelTopUp: vi.fn(async (_id: string) => {}),
      setDepositLimit: vi.fn(async (_period: string, _cents: number | null) => {}),
      excludeSelf: vi.fn(async (_days: number) => {}),
    },
  };
  const play = {
    account: { user_id: "1", username: "ada", roles: [], balance_cents: 4_200, currency: "eur" },
    currency: "eur",
    moneyVersion: 1,
    client,
    session: {
      transactions: vi.fn(async (_cursor?: string) => ({
        transactions: [] as Transaction[],
        next_cursor: null as string | null,
      })),
    },
    titleOf: (type: string) => `<${type}>`,
    tell: vi.fn(),
    complain: vi.fn(),
    leaveFor: vi.fn(),
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    changed() {
      for (const listener of listeners) listener();
    },
    wallet: undefined as unknown as Wallet,
  };
  play.wallet = new Wallet(play as never);
  play.wallet.terms = TERMS;
  return { play, client };
}

async function drawn<T extends LitElement>(element: T, play: object) {
  Object.assign(element, { play });
  document.body.replaceChildren(element);
  await element.updateComplete;
  const all = (id: string) => [...(element.shadowRoot?.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`) ?? [])];
  const find = (id: string) => all(id)[0] as HTMLElement;
  const write = (id: string, value: string) => {
    const input = find(id) as HTMLInputElement;
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const press = async (id: string) => {
    const pressed = find(id);
    const form = pressed.closest("form");
    if (form && pressed.getAttribute("type") !== "button") {
      form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    } else pressed.click();
    await settled(element);
  };
  return { element, all, find, write, press };
}

async function settled(element: LitElement): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  await element.updateComplete;
}

const words = (element: HTMLElement | undefined) => element?.textContent?.replace(/\s+/g, " ").trim();

const limit = (period: "day" | "week" | "month", fields: object = {}) => ({ period, used_cents: 0, ...fields });

const payment = (request_id: string, status: Payment["status"], fields: Partial<Payment> = {}): Payment => ({
  request_id,
  status,
  amount_cents: 2_000,
  currency: "eur",
  refunded_cents: 0,
  session_url: null,
  error_message: null,
  ...fields,
});

afterEach(() => {
  document.body.replaceChildren();
  sessionStorage.clear();
});

it("offers what may be paid in, and says before what may not", async () => {
  const { play, client } = stub({ limits: [limit("day", { amount_cents: 3_000, used_cents: 1_500 })] });
  const { all, find, write, press, element } = await drawn(new TopUp(), play);
  expect(find("wallet-balance").dataset.cents).toBe("4200");
  expect(find("test-money")).toBeDefined();
  const offers = all("top-up-form")[0]?.querySelectorAll<HTMLButtonElement>("[data-testid^=offer]") ?? [];
  expect([...offers].map((offer) => `${offer.dataset.testid} ${offer.disabled}`)).toEqual([
    "offer-500 false",
    "offer-1000 false",
    "offer-2000 true",
    "offer-5000 true",
  ]);
  expect(words(find("top-up-hint"))).toContain("From 5.00 € to 50.00 € at once. Your limits leave 15.00 € for now.");
  for (const [written, told] of [
    ["twenty", "Please write an amount such as 20 or 20.50."],
    ["4.99", "The least that can be paid in is 5.00 €."],
    ["50.01", "The most that can be paid in at once is 50.00 €."],
  ] as const) {
    write("top-up-amount", written);
    await press("top-up-submit");
    expect(words(find("top-up-fault"))).toBe(told);
  }
  write("top-up-amount", "20");
  await settled(element);
  expect(words(find("top-up-fault"))).toContain("15.00 € of it are left");
  expect(client.wallet.topUp).not.toHaveBeenCalled();
  await press("offer-1000");
  expect((find("top-up-amount") as HTMLInputElement).value).toBe("10.00");
  expect(all("top-up-fault")).toEqual([]);
  await press("top-up-submit");
  expect(client.wallet.topUp.mock.calls[0]?.[0]).toBe(1_000);
});

it("takes nothing where nothing can be paid in, or the player takes a break", async () => {
  const { play, client } = stub();
  play.wallet.terms = { ...TERMS, is_open: false, is_test_money: false };
  const { all, find, element } = await drawn(new TopUp(), play);
  expect(find("top-up-closed")).toBeDefined();
  expect([...all("top-up-form"), ...all("test-money")]).toEqual([]);
  play.wallet.terms = TERMS;
  client.wallet.limits = { limits: [], excluded_until: new Date(Date.now() + 60_000).toISOString() };
  play.changed();
  await settled(element);
  expect(words(find("top-up-excluded"))).toContain("You take a break until");
  expect(all("top-up-form")).toEqual([]);
  client.wallet.limits = { limits: [], excluded_until: new Date(Date.now() - 1).toISOString() };
  play.changed();
  await settled(element);
  expect(find("top-up-form")).toBeDefined();
});

it("says where the server can not be asked, and asks again", async () => {
  const { play } = stub();
  play.wallet.terms = undefined;
  const { all, find, press, element } = await drawn(new TopUp(), play);
  expect(all("top-up-again")).toEqual([]);
  play.wallet.isUnreachable = true;
  play.changed();
  await settled(element);
  expect(words(find("top-up-unreachable"))).toContain("The server cannot be reached");
  const again = vi.spyOn(play.wallet, "online").mockImplementation(() => {});
  await press("top-up-again");
  expect(again).toHaveBeenCalledTimes(1);
});

it.each([
  ["session_created", "paid", "confirming", false],
  ["session_created", "unpaid", "unpaid", true],
  ["session_created", "slow", "slow", true],
  ["requested", "slow", "slow", false],
  ["requested", "opening", "opening", false],
  ["success", "unpaid", "success", false],
  ["failed", "paid", "failed", false],
  ["expired", "paid", "expired", false],
  ["refunded", "paid", "refunded", false],
  ["disputed", "paid", "disputed", false],
] as const)("a payment that is %s where one came back as %s is %s", async (status, how, state, canPay) => {
  const { play, client } = stub();
  const session_url = status === "session_created" ? "https://pay.example" : null;
  client.wallet.known = [payment("p1", status, { session_url, error_message: "<b>Declined</b>" })];
  play.wallet.followed = { requestId: "p1", how };
  const { all, find, press } = await drawn(new FollowedPayment(), play);
  expect(find("payment").dataset.state).toBe(state);
  expect(words(find("payment"))).toContain("20.00 €");
  expect(all("payment-why").map(words)).toEqual(status === "failed" ? ["The reason given: <b>Declined</b>"] : []);
  expect(all("payment-go-on")).toHaveLength(canPay ? 1 : 0);
  if (!canPay) return;
  await press("payment-go-on");
  expect(play.leaveFor).toHaveBeenCalledWith("https://pay.example");
});

it.each(["paid", "unpaid", "slow"] as const)(
  "a payment that is on its way is said to be, also where one came back as %s",
  async (how) => {
    const { play, client } = stub();
    client.wallet.known = [payment("p1", "session_created", { session_url: null })];
    play.wallet.followed = { requestId: "p1", how };
    const { all, find } = await drawn(new FollowedPayment(), play);
    expect(find("payment").dataset.state).toBe("on-its-way");
    expect(all("payment-go-on")).toEqual([]);
    // On another device.
    play.wallet.followed = undefined;
    const list = await drawn(new Payments(), play);
    expect(list.all("open-payment").map(words)).toEqual([expect.stringContaining("On its way")]);
  },
);

it("lists the other payments that are open, and what becomes of them", async () => {
  const { play, client } = stub();
  const { element, all } = await drawn(new Payments(), play);
  expect([...all("open-payments"), element.hidden]).toEqual([true]);
  client.wallet.known = [
    payment("p1", "session_created", { session_url: "https://pay.example" }),
    payment("p2", "session_created", { session_url: "https://pay.example/2" }),
    payment("p3", "success"),
  ];
  play.wallet.followed = { requestId: "p1", how: "paid" };
  play.changed();
  await settled(element);
  expect(element.hidden).toBe(false);
  expect(all("open-payment").map(({ dataset }) => `${dataset.requestId} ${dataset.status}`)).toEqual([
    "p2 session_created",
    "p3 success",
  ]);
  all("open-payment")[0]?.querySelector("button")?.click();
  expect(play.leaveFor).toHaveBeenCalledWith("https://pay.example/2");
});

it("cancels a payment that is not paid, waits until it is over, and says so", async () => {
  const { play, client } = stub();
  const open = payment("p1", "session_created", { session_url: "https://pay.example" });
  client.wallet.known = [open, payment("p2", "session_created", { session_url: null })];
  play.wallet.followed = { requestId: "p1", how: "unpaid" };
  const { element, all, find, press } = await drawn(new FollowedPayment(), play);
  await press("payment-cancel");
  expect(client.wallet.cancelTopUp).toHaveBeenCalledWith("p1");
  expect(find("payment").dataset.state).toBe("cancelling");
  expect([...all("payment-cancel"), ...all("payment-go-on")]).toEqual([]);
  client.wallet.known = [{ ...open, status: "expired" }];
  play.changed();
  await settled(element);
  expect(find("payment").dataset.state).toBe("cancelled");
});

it("offers to cancel in the list too, and again where it was refused", async () => {
  const { play, client } = stub();
  const open = payment("p1", "session_created", { session_url: "https://pay.example" });
  client.wallet.known = [open, payment("p2", "session_created", { session_url: null }), payment("p3", "requested")];
  const { element, all, find, press } = await drawn(new Payments(), play);
  expect(all("payment-cancel")).toHaveLength(2);
  client.wallet.cancelTopUp.mockRejectedValueOnce(new Error("offline"));
  await press("payment-cancel");
  expect(play.complain).toHaveBeenCalledTimes(1);
  expect(find("payment-cancel").hasAttribute("disabled")).toBe(false);
  await press("payment-cancel");
  expect(find("payment-cancel").hasAttribute("disabled")).toBe(true);
  expect(words(find("payment-cancel"))).toBe("Being cancelled…");
  client.wallet.known = [{ ...open, status: "expired" }];
  play.changed();
  await settled(element);
  expect(all("payment-cancel")).toEqual([]);
  expect(words(find("open-payment"))).toContain("Cancelled");
});

it("shows what has moved, page by page, and what is new without losing the rest", async () => {
  const { play } = stub();
  const entry = (id: number, kind = "fee", fields: object = {}): Transaction => ({
    id: `t${id}`,
    kind,
    change_cents: kind === "fee" ? -1_000 : 2_000,
    currency: "eur",
    room_id: null,
    game_type: null,
    room_name: null,
    at: "2026-01-01T10:00:00Z",
    ...fields,
  });
  const page = (transactions: Transaction[], next_cursor: string | null) => ({ transactions, next_cursor });
  const room = { room_id: "r", game_type: "bigger_dice", room_name: "<b>Table</b>" };
  play.session.transactions.mockResolvedValueOnce(page([entry(4, "fee", room), entry(3, "brand_new")], "c3"));
  const { element, all, find, press } = await drawn(new Statement(), play);
  await settled(element);
  const lines = () => all("statement-entry").map((line) => words(line));
  expect(lines()[0]).toMatch(/^Entry fee \d\d:\d\d · <bigger_dice> · “<b>Table<\/b>” −10.00 €$/);
  expect(lines()[1]).toMatch(/^brand new .* \+20.00 €$/);

  play.session.transactions.mockResolvedValueOnce(page([entry(2), entry(1, "top_up")], null));
  await press("statement-older");
  expect(play.session.transactions).toHaveBeenLastCalledWith("c3");
  expect(all("statement-entry").map(({ dataset }) => dataset.kind)).toEqual(["fee", "brand_new", "fee", "top_up"]);
  expect(all("statement-older")).toEqual([]);

  play.session.transactions.mockResolvedValueOnce(page([entry(5, "prize"), entry(4)], "c4"));
  play.moneyVersion += 1;
  play.changed();
  await settled(element);
  await settled(element);
  expect(lines()).toHaveLength(5);
  expect(find("statement-entry").dataset.kind).toBe("prize");
  expect(all("statement-older")).toEqual([]);

  // More is new than a page holds: what is known and what is new do not meet.
  play.session.transactions.mockResolvedValueOnce(page([entry(9), entry(8)], "c8"));
  play.moneyVersion += 1;
  play.changed();
  await settled(element);
  await settled(element);
  expect(lines()).toHaveLength(2);
  expect(find("statement-older")).toBeDefined();

  play.session.transactions.mockRejectedValueOnce(new TypeError("offline"));
  await press("statement-older");
  expect(words(find("statement"))).toContain("The server cannot be reached");
  expect(lines()).toHaveLength(2);
});

it("sets limits, says when a higher one counts, and keeps the old one where that is wished", async () => {
  const from = "2026-01-02T10:00:00Z";
  const { play, client } = stub({
    limits: [
      limit("day"),
      limit("week", { amount_cents: 3_000, used_cents: 1_000, pending: { amount_cents: 9_000, from } }),
      limit("month", { amount_cents: 9_000, pending: { from } }),
    ],
  });
  const { all, find, press, element } = await drawn(new DepositLimitsCard(), play);
  expect(words(find("limit-day"))).toContain("No limit");
  expect(words(find("limit-week"))).toContain("10.00 € of 30.00 € used");
  expect(words(find("limit-pending-week"))).toContain("90.00 € from 2 January 2026");
  expect(words(find("limit-pending-month"))).toContain("No limit from 2 January 2026");
  await press("limit-keep-week");
  expect(client.wallet.setDepositLimit.mock.calls).toEqual([["week", 3_000]]);

  await press("limit-change-day");
  expect(all("limit-lift")).toEqual([]);
  (find("limit-field") as HTMLInputElement).value = "1,000";
  await press("limit-save");
  expect(words(find("limit-problem"))).toContain("Please write an amount");
  (find("limit-field") as HTMLInputElement).value = "25";
  await press("limit-save");
  expect(client.wallet.setDepositLimit).toHaveBeenLastCalledWith("day", 2_500);
  expect(all("limit-form")).toEqual([]);
  expect(play.tell).toHaveBeenLastCalledWith("Your new limit counts from now on.");

  await press("limit-change-month");
  expect((find("limit-field") as HTMLInputElement).value).toBe("90.00");
  await press("limit-lift");
  expect(client.wallet.setDepositLimit).toHaveBeenLastCalledWith("month", null);
  expect(play.tell.mock.lastCall?.[0]).toMatch(/^Your limit ends on 2 January 2026/);
  await settled(element);
});

it("begins a break only once that is confirmed, and only makes it longer", async () => {
  const { play, client } = stub();
  const { all, find, press, element } = await drawn(new BreakCard(), play);
  const days = find("break-days") as HTMLSelectElement;
  days.value = "30";
  days.dispatchEvent(new Event("change"));
  await press("break-begin");
  const dialog = find("break-dialog") as HTMLDialogElement;
  expect(dialog.open).toBe(true);
  expect(words(dialog)).toContain("Take a break for 30 days?");
  await press("break-cancel");
  expect([dialog.open, client.wallet.excludeSelf.mock.calls.length]).toEqual([false, 0]);
  await press("break-begin");
  client.wallet.excludeSelf.mockRejectedValueOnce(new TypeError("offline"));
  await press("break-confirm");
  expect([dialog.open, words(dialog)?.includes("The server cannot be reached")]).toEqual([true, true]);
  client.wallet.excludeSelf.mockImplementationOnce(async () => {
    client.wallet.limits = { limits: [], excluded_until: new Date(Date.now() + 30 * 86_400_000).toISOString() };
  });
  await press("break-confirm");
  expect(client.wallet.excludeSelf).toHaveBeenLastCalledWith(30);
  expect(dialog.open).toBe(false);
  await settled(element);
  expect(words(find("break"))).toContain("You take a break until");
  expect(all("break-days")).toEqual([]);
  await press("break-longer");
  expect(find("break-days")).toBeDefined();
});

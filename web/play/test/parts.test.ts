import { ApiProblem, Refusal } from "@blazing-sun/client";
import { describe, expect, it } from "vitest";
import { centsOf, change, initials, money, plainAmount } from "../src/format.js";
import { pathOf, routeOf } from "../src/routes.js";
import { OFFLINE } from "../src/texts.js";
import { wordsFor } from "../src/words.js";

describe("money", () => {
  it.each([
    [5600, "eur", "56.00\u00a0€"],
    [123456789, "eur", "1,234,567.89\u00a0€"],
    [5, "usd", "0.05\u00a0$"],
    [500, "jpy", "500\u00a0JPY"],
    [100, "demo", "1.00\u00a0DEMO"],
  ])("%i %s is %s", (cents, currency, written) => expect(money(cents, currency)).toBe(written));
});

describe("amounts in a field", () => {
  it.each([
    ["20", "eur", 2_000],
    [" 20.5 € ", "eur", 2_050],
    ["20,50", "eur", 2_050],
    ["0.07", "eur", 7],
    ["500", "jpy", 500],
    ["1.5", "jpy", undefined],
    ["1,000", "eur", undefined],
    ["1.005", "eur", undefined],
    ["-5", "eur", undefined],
    ["5e3", "eur", undefined],
    ["9999999999", "eur", undefined],
    ["", "eur", undefined],
  ])("%s in %s are %s cents", (written, currency, cents) => expect(centsOf(written, currency)).toBe(cents));

  it("are written as they are read", () => {
    for (const cents of [1, 100, 123_456_789]) expect(centsOf(plainAmount(cents, "eur"), "eur")).toBe(cents);
    expect(change(-1_000, "eur")).toBe("−10.00\u00a0€");
    expect(change(1_000, "eur")).toBe("+10.00\u00a0€");
  });
});

describe("initials", () => {
  it.each([
    ["Ada Lovelace", "AL"],
    ["Guest 12", "G2"],
    ["ada", "AD"],
    ["<script>", "SC"],
    ["", "?"],
  ])("of %s are %s", (name, two) => expect(initials(name)).toBe(two));
});

describe("addresses", () => {
  it("lead to a room or the lobby, and back", () => {
    expect(routeOf("/r/0190b1f0-1111-7222-8333-444455556666")).toEqual({
      page: "room",
      roomId: "0190b1f0-1111-7222-8333-444455556666",
    });
    expect(routeOf("/")).toEqual({ page: "lobby" });
    expect(routeOf("/r/../../etc")).toEqual({ page: "lobby" });
    expect(pathOf({ page: "room", roomId: "a-b" })).toBe("/r/a-b");
    expect(pathOf(routeOf("/history/bigger_dice/a-b"))).toBe("/history/bigger_dice/a-b");
    expect(routeOf("/history/bigger_dice/a/b")).toEqual({ page: "lobby" });
    for (const path of ["/wallet", "/history", "/profile", "/reset-password", "/verify-email"])
      expect(pathOf(routeOf(path))).toBe(path);
    expect(pathOf(routeOf("/anything"))).toBe("/");
  });
});

describe("what a player is told", () => {
  it("is plain for every known code, and the server's own words for others", () => {
    expect(wordsFor(new Refusal("not_your_turn", "NotYourTurn"))).toBe("It is not your turn.");
    expect(wordsFor(new ApiProblem(409, "email_taken", "conflict"))).toBe(
      "There is already an account with this e-mail address.",
    );
    expect(wordsFor(new Refusal("brand_new_code", "Not today."))).toBe("Not today.");
    expect(wordsFor(new TypeError("fetch failed"))).toBe(OFFLINE);
  });
});

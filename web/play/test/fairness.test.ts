import type { FairnessReport } from "@blazing-sun/client";
import { describe, expect, it } from "vitest";
import { findingsOf } from "../src/findings.js";

const right: FairnessReport = {
  roomId: "r",
  serverSeed: "5e",
  commitment: "c0",
  server: "right",
  replaced: 2,
  replacedWrong: 0,
  seats: [
    { userId: "1", username: "Ann", isBot: false, seed: "right" },
    { userId: "2", username: "Bob", isBot: true, seed: "none" },
  ],
  own: "right",
  rolls: 24,
  wrongRolls: [],
  missedRolls: 0,
  result: "right",
  winner: "Ann",
};

const said = (report: FairnessReport, me = "1") => findingsOf(report, me).map(({ tone, words }) => `${tone}: ${words}`);

describe("what a player is told of a game's fairness", () => {
  it("is plain where all is right, and says who took no part", () => {
    expect(said(right)).toEqual([
      "good: The server could not choose the throws: its seed is the one that it had fixed before play.",
      "good: The seed was replaced 2 times as the seats changed, and each old one was as fixed.",
      "good: Your own seed was part of the draw, so nobody could know a throw before you gave it.",
      "good: Gave a seed that matches what they had fixed: Ann.",
      "plain: Took no part in the draw: Bob (house bot).",
      "good: 24 throws checked and correct.",
      "good: The points add up: Ann won by these throws.",
    ]);
  });

  it("promises no more before the end, and nothing of a stranger's own seed", () => {
    const running: FairnessReport = { ...right, serverSeed: null, server: "hidden", result: "unknown" };
    expect(said(running, "9")).toEqual([
      "plain: The server has fixed its seed. When the game ends it is shown, and everything is checked here.",
      "good: The seed was replaced 2 times as the seats changed, and each old one was as fixed.",
      "good: Gave a seed that matches what they had fixed: Ann.",
      "plain: Took no part in the draw: Bob (house bot).",
    ]);
  });

  it.each<[Partial<FairnessReport>, string]>([
    [{ server: "wrong" }, "bad: The server’s seed is NOT the one that it had fixed before play."],
    [{ replacedWrong: 1 }, "bad: 1 earlier seeds of the server are NOT those that it had fixed."],
    [{ own: "wrong" }, "bad: The draw does NOT use the seed that you gave."],
    [{ result: "wrong" }, "bad: The points or the winner do NOT follow from these throws."],
    [
      { seats: [{ userId: "1", username: "Ann", isBot: false, seed: "wrong" }] },
      "bad: The seed does NOT match what was fixed: Ann.",
    ],
    [
      { wrongRolls: [{ number: 7, username: "Ann", value: 6, drawn: 3 }] },
      "bad: Throw 7, by Ann, was shown as 6; the seeds give 3.",
    ],
    [
      { wrongRolls: [{ number: 7, username: "Ann", value: 6, drawn: null }] },
      "bad: Throw 7, by Ann, has NO place among the draws.",
    ],
  ])("names what is wrong: %o", (change, words) => {
    expect(said({ ...right, ...change })).toContain(words);
  });
});

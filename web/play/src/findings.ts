import type { FairnessReport } from "@blazing-sun/client";
import { css, html, type TemplateResult } from "lit";
import { text } from "./texts.js";

/** One sentence of what was checked. */
export interface Finding {
  readonly tone: "good" | "bad" | "plain";
  readonly words: string;
  readonly testId: string;
}

/** Browsers offer their cryptography to secure pages only. */
export function canCheck(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

/** The file that a room's record is saved as. */
export function recordName(roomId: string): string {
  return `room-${roomId}.jsonl`;
}

/** What a report says, in words. */
export function findingsOf(report: FairnessReport, me: string): Finding[] {
  const { checks } = text;
  const findings: Finding[] = [];
  const add = (tone: Finding["tone"], testId: string, words: string) => findings.push({ tone, testId, words });
  const tones = { right: "good", wrong: "bad", hidden: "plain", unknown: "plain" } as const;
  add(tones[report.server], "check-server", checks.server[report.server]);
  if (report.replacedWrong > 0) add("bad", "check-replaced", checks.replacedWrong(report.replacedWrong));
  else if (report.replaced > 0) add("good", "check-replaced", checks.replaced(report.replaced));

  const names = (seed: string) =>
    report.seats
      .filter((seat) => seat.seed === seed)
      .map((seat) => (seat.isBot ? checks.bot(seat.username) : seat.username))
      .join(", ");
  if (report.seats.some(({ userId }) => userId === me)) {
    const tone = { right: "good", wrong: "bad", none: "plain" } as const;
    const isListed = report.seats.some(({ userId, seed }) => userId === me && seed === "right");
    const own = report.own === "none" && isListed ? "listed" : report.own;
    add(own === "listed" ? "plain" : tone[own], "check-own", checks.own[own]);
  }
  if (names("right")) add("good", "check-seats", checks.seatsRight(names("right")));
  if (names("wrong")) add("bad", "check-seats-wrong", checks.seatsWrong(names("wrong")));
  if (names("none")) add("plain", "check-seats-none", checks.seatsNone(names("none")));

  if (report.serverSeed === null || report.seats.length === 0) return findings;
  if (report.wrongRolls.length === 0) add("good", "draws-checked", text.drawsMatch(report.rolls));
  for (const { number, username, value, drawn } of report.wrongRolls.slice(0, 5)) {
    add("bad", "draws-wrong", checks.wrongRoll(number, username, value, drawn));
  }
  if (report.wrongRolls.length > 5) add("bad", "draws-checked", text.drawsFail(report.wrongRolls.length));
  if (report.missedRolls > 0) add("plain", "draws-missed", checks.missed(report.missedRolls));
  if (report.result === "right") add("good", "check-result", checks.result(report.winner ?? ""));
  if (report.result === "wrong") add("bad", "check-result", checks.resultWrong);
  return findings;
}

export function findingsList(findings: readonly Finding[]): TemplateResult {
  return html`<ul>
    ${findings.map(({ tone, words, testId }) => html`<li class=${tone} data-testid=${testId}><span>${words}</span></li>`)}
  </ul>`;
}

export const findingsStyle = css`
  ul {
    margin: 0;
    padding: 0;
    list-style: none;
  }
  li {
    display: flex;
    gap: var(--space-2);
    margin-top: var(--space-1);
    overflow-wrap: anywhere;
  }
  li::before {
    flex: none;
    width: 1.2em;
    content: "–";
    color: var(--text-2);
  }
  li.good::before {
    content: "✓";
    color: var(--good);
  }
  li.bad {
    color: var(--bad);
    font-weight: 700;
  }
  li.bad::before {
    content: "✗";
    color: var(--bad);
  }
`;

/** Saves a room's record, for `blazing-sun verify`. */
export function downloadRecord(roomId: string, lines: string): void {
  const url = URL.createObjectURL(new Blob([lines], { type: "application/x-ndjson" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = recordName(roomId);
  link.click();
  // The browser has taken it up by the next turn of its loop.
  setTimeout(() => URL.revokeObjectURL(url));
}

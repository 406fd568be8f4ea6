import { afterEach, expect, it, vi } from "vitest";
import "../src/elements/quick_match.js";
import { Play } from "../src/play.js";
import { FakeSocket, stubServer, user } from "./fake_server.js";

const ADA = user("1", "ada");
let play: Play;

afterEach(() => {
  play.client?.close();
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

it("names the fee that is agreed to, and shows the new one where that is another by now", async () => {
  const dice = { game_type: "bigger_dice", name: "Bigger Dice", currency: "eur", entry_fee_cents: 1_000, moves: {} };
  const answers: Record<string, unknown> = { games: { games: [dice] } };
  // Read anew with each question.
  stubServer(() => ADA, answers);
  play = new Play();
  await play.restore();
  const server = await FakeSocket.opened(1);
  server.signIn(ADA);
  const page = Object.assign(document.createElement("bs-quick-match"), { play });
  document.body.append(page);
  const button = () => page.shadowRoot?.querySelector<HTMLButtonElement>("button");
  await vi.waitFor(() => expect(button()?.textContent).toContain("10.00"));
  answers.games = { games: [{ ...dice, entry_fee_cents: 2_500 }] };
  button()?.click();
  const asked = await server.command("quick_match");
  expect(asked).toMatchObject({ game_type: "bigger_dice", entry_fee_cents: 1_000 });
  server.says({ type: "games.event.error", command_id: asked.command_id, code: "fee_changed", message: "Another." });
  await vi.waitFor(() => expect(button()?.textContent).toContain("25.00"));
  expect(play.toasts.map(({ message }) => message)).toEqual([expect.stringContaining("fee has changed")]);
  button()?.click();
  expect(await server.command("quick_match")).toMatchObject({ entry_fee_cents: 2_500 });
});

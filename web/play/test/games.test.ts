import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { foldRoom, type RoomView, ServerClock } from "@blazing-sun/client";
import { render } from "lit";
import { describe, expect, it } from "vitest";
import { drawGame, GameModules, gamePage } from "../src/games.js";

const root = join(import.meta.dirname, "../../..");
const rules = join(root, "crates/domain/src");
const pages = readdirSync(join(root, "web/play/src/games"), { withFileTypes: true });

/** The games that the program has without anybody's doing, by their names on the wire. */
function builtIn(): string[] {
  const registered = /pub fn built_in\(\)[\s\S]*?\n}/.exec(readFileSync(join(rules, "games.rs"), "utf8"))?.[0] ?? "";
  return [...registered.matchAll(/(\w+)::\w+/g)]
    .map(([, name]) => name ?? "")
    .filter((name) => existsSync(join(rules, `games/${name}.rs`)));
}

function room(game_type: string): RoomView {
  const players = ["1", "2"].map((user_id) => ({ user_id, username: user_id }));
  const state = {
    room_id: "r",
    room_name: "Table",
    game_type,
    status: "in_progress",
    host_id: "1",
    players,
    lobby: [],
  };
  const view = foldRoom(undefined, { type: "games.event.room_state", room: state }, "1");
  if (!view) throw new Error("no room");
  return view;
}

describe("a game's page", () => {
  it("is one file, named as the game and as the file with its rules", () => {
    expect(pages.length).toBeGreaterThan(0);
    for (const page of pages) {
      expect(page.isFile(), page.name).toBe(true);
      const name = page.name.replace(/\.ts$/, "");
      expect(gamePage(name)?.gameType, page.name).toBe(name);
      expect(existsSync(join(rules, `games/${name}.rs`)), page.name).toBe(true);
    }
  });

  const games = builtIn();

  it("is looked for with each game of the program", () => {
    expect(games).toEqual(expect.arrayContaining(pages.map(({ name }) => name.replace(/\.ts$/, ""))));
  });

  it.each([...games, "a_game_without_a_page"])("of %s draws something, its own or the plain table", (game) => {
    const act = async () => true;
    const context = { room: room(game), me: "1", clock: new ServerClock(), act };
    const host = document.createElement("div");
    render(drawGame(context, undefined, new GameModules(() => {})), host);
    const drawn = host.firstElementChild?.localName;
    expect(drawn === "bs-generic-table").toBe(gamePage(game) === undefined);
    expect(drawn).toMatch(/^bs-/);
  });
});

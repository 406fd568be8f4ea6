import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RealServer } from "./real_server.js";

const run = promisify(execFile);
const SDK = fileURLToPath(new URL("../../sdk", import.meta.url));
const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));
const BOT_LINES_MAX = 20;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "blazing-sun-client-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program of its own, with the package as it is published. */
async function install(): Promise<string[]> {
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: SDK });
  const packed: unknown = JSON.parse(stdout.slice(stdout.search(/[[{]/)));
  const [{ filename, files }] = Object.values(packed as object) as [{ filename: string; files: { path: string }[] }];
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", join(folder, filename)], { cwd: folder });
  return files.map(({ path }) => path);
}

test("the package holds what it needs and nothing else, and works where it is installed", async () => {
  const files = await install();
  const known = /^(dist\/.+\.(js|d\.ts)|examples\/bot\.mjs|LICENSE-(MIT|APACHE)|README\.md|package\.json)$/;
  expect(files.filter((path) => !known.test(path))).toEqual([]);
  for (const path of ["dist/index.js", "dist/index.d.ts", "README.md", "LICENSE-MIT", "LICENSE-APACHE"]) {
    expect(files).toContain(path);
  }
  const manifest = JSON.parse(await readFile(join(folder, "node_modules/@blazing-sun/client/package.json"), "utf8"));
  expect(manifest.dependencies).toBeUndefined();

  const program = `import { CommandIds, connect, Session } from "@blazing-sun/client";
    try { connect({ session: new Session({ origin: "http://127.0.0.1:1" }) }).close(); } catch (error) { console.log(error.name); }
    console.log(new CommandIds(Date.now).next().length);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], { cwd: folder });
  expect(stdout.trim().split("\n").at(-1)).toBe("36");

  await writeFile(
    join(folder, "typed.ts"),
    `import { connect, Session, type RoomView } from "@blazing-sun/client";
    const client = connect({ session: new Session({ origin: "https://play.example" }) });
    client.rooms.onChange((room: RoomView) => room.turn?.number.toFixed());
    client.on("games.event.bigger_dice.rolled", (event) => event.roll.toFixed());
    // @ts-expect-error no such field
    client.command("games.command.bigger_dice.roll", { room: "r" });
    `,
  );
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2023"],
    module: "NodeNext",
    strict: true,
    noEmit: true,
    types: ["node"],
    typeRoots: [join(MODULES, "@types")],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["typed.ts"] }));
  await run(join(MODULES, ".bin/tsc"), ["-p", folder]);
});

test("bots of twenty lines find each other, play a game, find it fair, and end", async () => {
  const bot = join(SDK, "examples/bot.mjs");
  expect((await readFile(bot, "utf8")).trimEnd().split("\n").length).toBeLessThanOrEqual(BOT_LINES_MAX);
  const server = await RealServer.create();
  try {
    await server.start();
    const ended = await Promise.all(
      [1, 2].map(() => run(process.execPath, [bot, server.origin], { timeout: 120_000 })),
    );
    const said = ended.map(({ stdout }) => stdout.trim());
    for (const words of said) expect(words).toMatch(/^Guest-\S+: Guest-\S+ won, fairly$/);
    expect(new Set(said.map((words) => words.split(": ")[1])).size).toBe(1);
    // A bot whose time to roll ran out on a busy machine says that its roll came too late, and plays on.
    const late = /^Refusal: [^{}]*\{[^{}]*code: 'not_your_turn'[^{}]*\}\n/gm;
    expect(ended.map(({ stderr }) => stderr.replace(late, ""))).toEqual(["", ""]);
    await server.stop();
    await server.audit();
  } catch (error) {
    throw server.explain(error);
  } finally {
    await server.remove();
  }
});

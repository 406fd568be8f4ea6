import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Tail } from "./harness.js";

export const BIN =
  process.env.BLAZING_SUN_BIN ?? fileURLToPath(new URL("../../../target/debug/blazing-sun", import.meta.url));
/** Fills topics, for tests. */
export const FILL = join(dirname(BIN), "fill_topic");
const START_MS = 30_000;

export interface StartOptions {
  /** Where it listens; a free port if left out. */
  listen?: string;
  /** The house's bot, which joins whoever waits alone; left out, it does not run. */
  hasBot?: boolean;
  /** The program, if it is not the one that comes with this repository. */
  program?: string;
  env?: Readonly<Record<string, string>>;
}

/** The program as a process, with a data directory of its own. */
export class RealServer {
  origin = "";
  private process: ChildProcess | undefined;
  private readonly stderr = new Tail();

  private constructor(readonly dataDir: string) {}

  static async create(): Promise<RealServer> {
    return new RealServer(await mkdtemp(join(tmpdir(), "blazing-sun-")));
  }

  async start({ listen = "127.0.0.1:0", hasBot = false, program = BIN, env = {} }: StartOptions = {}): Promise<void> {
    const started = spawn(program, ["serve", "--data-dir", this.dataDir, "--listen", listen], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, BLAZING_SUN_BOT__ENABLED: String(hasBot), ...env },
    });
    this.process = started;
    started.stderr?.setEncoding("utf8").on("data", (printed) => this.stderr.add(printed));
    try {
      this.origin = await addressOf(started);
    } catch (error) {
      throw this.explain(error);
    }
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const running = this.process;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, "exit");
    running.kill(signal);
    await ended;
  }

  /** What it prints next that matches; what it has printed before is not counted. */
  async prints(pattern: RegExp, during: () => Promise<void>): Promise<string> {
    this.stderr.clear();
    await during();
    for (const deadline = Date.now() + START_MS; Date.now() < deadline; ) {
      const found = this.stderr.last(pattern);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw this.explain(new Error(`it printed nothing that matches ${pattern}`));
  }

  /** A tool on its folder, with this on its standard input; what it prints. */
  async tool(args: readonly string[], input = ""): Promise<string> {
    const ran = promisify(execFile)(BIN, [...args, "--data-dir", this.dataDir]);
    ran.child.stdin?.end(input);
    return (await ran).stdout;
  }

  /** Puts so many records on a topic, while it does not run. */
  async fill(topic: string, records: number): Promise<void> {
    await promisify(execFile)(FILL, [this.dataDir, topic, String(records)]);
  }

  /** Rejects, with what it printed, on any exit code but 0. */
  async audit(): Promise<void> {
    await promisify(execFile)(BIN, ["audit", "--data-dir", this.dataDir]);
  }

  /** A failure with what the server said before it. */
  explain(error: unknown): Error {
    return this.stderr.explain(error);
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** The address that the server prints once it listens. */
export function addressOf(started: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no address within ${START_MS} ms`)), START_MS);
    started.once("error", reject);
    // `close` and not `exit`: what it printed has been read by then.
    started.once("close", (code) => reject(new Error(`${BIN} serve ended with ${code} before it listened`)));
    if (!started.stdout) throw new Error("no stdout");
    createInterface(started.stdout).on("line", (line) => {
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}

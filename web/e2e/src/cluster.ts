import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Edge } from "./edge.js";
import { Tail } from "./harness.js";
import { addressOf, BIN, FILL } from "./real_server.js";

const run = promisify(execFile);
const DEV = fileURLToPath(new URL("../../../dev", import.meta.url));
const READY_MS = 60_000;
const PARTITIONS = 4;

type Environment = Record<string, string>;
type Role = "gateway" | "backend";

/** Gateways and backends as processes, on topics and a database of their own of a real Kafka and PostgreSQL. */
export class Cluster {
  private readonly stderr = new Tail();
  /** In the order in which they end. */
  private readonly endings: (() => Promise<unknown>)[] = [];
  private readonly edges: Edge[] = [];
  private readonly shared: Environment = { BLAZING_SUN_BOT__ENABLED: "false" };
  private readonly own: Environment = {};
  private readonly gatewayKeys: string;

  private constructor(private readonly folder: string) {
    this.gatewayKeys = join(folder, "gateway-keys");
  }

  /** So many gateways, each with an edge of its own before it, and two backends. */
  static async start(gateways: number): Promise<Cluster> {
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), "blazing-sun-cluster-")));
    cluster.endings.push(() => rm(cluster.folder, { recursive: true, force: true }));
    try {
      await cluster.launch(gateways);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw cluster.explain(error);
    }
  }

  /** What a player opens who is led to this gateway. */
  origin(gateway: number): string {
    const edge = this.edges[gateway];
    if (!edge) throw new Error(`there is no gateway ${gateway}`);
    return edge.origin;
  }

  /** A tool with all that backends have, with this on its standard input; what it prints. */
  async tool(args: readonly string[], input = ""): Promise<string> {
    const ran = run(BIN, [...args], { env: { ...process.env, ...this.shared, ...this.own } });
    ran.child.stdin?.end(input);
    return (await ran).stdout;
  }

  /** Puts so many records on a topic. */
  async fill(topic: string, records: number): Promise<void> {
    const { KAFKA_BOOTSTRAP_SERVERS: brokers, BLAZING_SUN_KAFKA__TOPIC_PREFIX: prefix } = this.shared;
    await run(FILL, [`${brokers}#${prefix}`, topic, String(records)]);
  }

  /** Rejects, with what it printed, where the books are not right. */
  async audit(): Promise<void> {
    await run(BIN, ["audit"], { env: { ...process.env, ...this.shared, ...this.own } });
  }

  explain(error: unknown): Error {
    return this.stderr.explain(error);
  }

  async stop(): Promise<void> {
    for (const end of this.endings.splice(0).reverse()) await end();
  }

  private async launch(gateways: number): Promise<void> {
    const [kafka, database] = await Promise.all([this.brokers(), this.newDatabase()]);
    this.shared.KAFKA_BOOTSTRAP_SERVERS = kafka;
    this.shared.BLAZING_SUN_KAFKA__TOPIC_PREFIX = `e${randomUUID().slice(0, 8)}.`;
    this.shared.BLAZING_SUN_LOG__PARTITIONS = String(PARTITIONS);
    const keys = join(this.folder, "keys");
    await run(BIN, ["keys", "create", keys]);
    await run(BIN, ["keys", "gateway", "--keys", keys, this.gatewayKeys]);
    this.own.BLAZING_SUN_KEYS = keys;
    this.own.DATABASE_URL = database;
    const [backend, ...others] = await Promise.all([this.spawn("backend"), this.spawn("backend")]);
    const fronts = await Promise.all(Array.from({ length: gateways }, (_, at) => this.spawn("gateway", at)));
    await Promise.all([backend, ...others, ...fronts].map((origin) => isReady(origin)));
    for (const front of fronts) {
      const edge = await Edge.open({ api: () => backend, pages: () => front });
      this.endings.push(() => edge.close());
      this.edges.push(edge);
    }
  }

  /** Its address. A gateway has no database, and no key that signs. */
  private async spawn(role: Role, at = 0): Promise<string> {
    const own =
      role === "backend" ? this.own : { BLAZING_SUN_KEYS: this.gatewayKeys, BLAZING_SUN_GATEWAY__ID: `g${at}` };
    const started = spawn(BIN, [role, "--listen", "127.0.0.1:0"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.shared, ...own },
    });
    this.endings.push(async () => {
      if (started.exitCode !== null || started.signalCode !== null) return;
      const ended = once(started, "exit");
      started.kill("SIGKILL");
      await ended;
    });
    started.stderr?.setEncoding("utf8").on("data", (printed) => this.stderr.add(printed));
    return addressOf(started);
  }

  /** The ones that `dev/test.sh` started, or one for this cluster alone. */
  private async brokers(): Promise<string> {
    const { BLAZING_SUN_TEST_KAFKA: running } = process.env;
    return running || `127.0.0.1:${await this.startBeside("kafka", "port")}`;
  }

  private async newDatabase(): Promise<string> {
    const { BLAZING_SUN_TEST_DATABASE_URL: running } = process.env;
    const url = new URL(running || (await this.startBeside("postgres", "url")));
    const { stdout } = await run(join(DEV, "postgres.sh"), ["find"]);
    const name = `e_${randomUUID().replaceAll("-", "")}`;
    const statement = `CREATE DATABASE ${name} TEMPLATE template0`;
    await run(join(stdout.trim(), "psql"), ["--quiet", "--dbname", url.href, "--command", statement]);
    url.pathname = name;
    return url.href;
  }

  private async startBeside(name: "kafka" | "postgres", noted: string): Promise<string> {
    // PostgreSQL runs as another user where this one is root: it has to get into the folder.
    const folder = await mkdtemp(join(tmpdir(), `blazing-sun-${name}-`));
    const script = join(DEV, `${name}.sh`);
    await run("chmod", ["755", folder]);
    this.endings.push(() => run(script, ["wipe", "--dir", folder]));
    await run(script, ["start", "--dir", folder]);
    return (await readFile(join(folder, noted), "utf8")).trim();
  }
}

async function isReady(origin: string): Promise<void> {
  for (const deadline = Date.now() + READY_MS; ; ) {
    const answer = await fetch(`${origin}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > deadline) throw new Error(`${origin} is not ready: ${await answer?.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

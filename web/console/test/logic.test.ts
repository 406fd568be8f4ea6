import { ApiProblem } from "@blazing-sun/client";
import { describe, expect, it } from "vitest";
import { ticksOf } from "../src/chart.js";
import { producerCommand, quoted, tailCommand, visible } from "../src/commands.js";
import { find } from "../src/find.js";
import { account, ago, bytes, duration, gist, rate, short, time } from "../src/format.js";
import { lagHealth, memberHealth, outboxHealth } from "../src/health.js";
import { linkOf } from "../src/json_links.js";
import { messagePath, pathOf, type Route, routeOf } from "../src/routes.js";
import { settingValue } from "../src/setting_value.js";
import { scrollFor, windowOf } from "../src/virtual.js";
import { message } from "./examples.js";

const ID = "0190c2a4-1111-7222-8333-444455556666";

describe("addresses", () => {
  it("lead to a page and back, whatever is in an id", () => {
    const routes: Route[] = [
      { page: "overview" },
      { page: "topic", topic: "games.events" },
      { page: "messages", topic: "a/b%c?d" },
      { page: "group", group: "ws_gateway.g0" },
      { page: "traced", id: ID },
      { page: "room", roomId: "../x" },
      { page: "player", userId: "7" },
      { page: "dead-letters" },
      { page: "log" },
    ];
    for (const route of routes) expect(routeOf(pathOf(route))).toEqual(route);
  });

  it("of no page are told apart", () => {
    for (const path of [
      "/kafka/x",
      "/kafka/rooms/1/2",
      "/kafka/topics/a/b",
      "/kafka/log/1",
      "/kafka/topics/a/messages/1",
    ]) {
      expect(routeOf(path).page, path).toBe("nowhere");
    }
    expect(routeOf("/kafka/rooms/%zz")).toEqual({ page: "room", roomId: "%zz" });
  });
});

describe("figures", () => {
  it.each([
    [0, "0 ms"],
    [0.25, "0.25 ms"],
    [12, "12 ms"],
    [1_500, "1.5 s"],
    [61_000, "1 min 1 s"],
    [3_600_000, "1 h"],
    [90_061_000, "1 d 1 h"],
    [-5, "−5 ms"],
    [null, "–"],
  ])("%s milliseconds are %s", (ms, words) => expect(duration(ms)).toBe(words));

  it("have units", () => {
    expect([0, 1023, 1536, 51_200_000].map(bytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "48.8 MiB"]);
    expect([0, 0.254, 12.34, 1234.5].map(rate)).toEqual(["0", "0.25", "12.3", "1,235"]);
  });

  it("of time are in UTC, with the day unless it is today", () => {
    const now = Date.UTC(2026, 0, 31, 12);
    expect(time("2026-01-31T01:02:03.004+01:00", now)).toBe("00:02:03.004");
    expect(time("2026-01-30T23:59:59Z", now)).toBe("2026-01-30 23:59:59");
    expect(time("soon", now)).toBe("soon");
    expect(ago("2026-01-31T11:59:57Z", now)).toBe("3.0 s ago");
    expect(ago("2026-01-31T12:00:09Z", now)).toBe("now");
  });

  it("show of an id what tells it from others of its time", () => {
    expect(short(ID)).toBe("0190…556666");
    expect(short("7")).toBe("7");
    expect(account(`escrow/${ID}`)).toBe("escrow/0190…556666");
    expect(account("house/rake")).toBe("house/rake");
    expect(gist(`{"type":"rolled","room_id":"${ID}","value":3}`)).toBe('{"value":3}');
    expect(gist("cut")).toBe("cut");
  });

  it("on a chart are round and reach the top", () => {
    expect(ticksOf(0)).toEqual([0, 1]);
    expect(ticksOf(7)).toEqual([0, 2, 4, 6, 8]);
    expect(ticksOf(412)).toEqual([0, 200, 400, 600]);
  });
});

describe("health", () => {
  const group = (lag: number) => ({ group: `g${lag}`, members: null, lag, partitions: [] });

  it("is as bad as what is furthest behind", () => {
    expect(lagHealth([group(3), group(1_000)])).toMatchObject({ tone: "warn", figure: "1,000" });
    expect(lagHealth([group(3), group(50_000)]).words).toContain("g50000");
    expect(lagHealth([])).toMatchObject({ tone: "good", figure: "0" });
  });

  it("of the outbox goes by how long the oldest waits", () => {
    const now = Date.UTC(2026, 0, 31);
    const waiting = (ms: number) => ({
      partition: 0,
      owner: "b-1",
      epoch: 1,
      published_upto: 1,
      committed: 3,
      backlog: 2,
      oldest_unpublished_at: new Date(now - ms).toISOString(),
    });
    expect(outboxHealth([waiting(500)], now)).toMatchObject({ tone: "good", figure: "2" });
    expect(outboxHealth([waiting(500), waiting(20_000)], now)).toMatchObject({ tone: "warn", figure: "4" });
    expect(outboxHealth([waiting(90_000)], now).tone).toBe("bad");
  });

  it("is bad where a partition has no owner, and doubtful where a gateway is silent", () => {
    const now = Date.UTC(2026, 0, 31);
    const gateway = {
      gateway_id: "g0",
      boot_id: "b",
      last_heard_at: new Date(now - 40_000).toISOString(),
      sockets: 5,
      positions: [],
    };
    const unowned = { partition: 1, owner: "", epoch: 1, batch_no: 0, queue_depth: 0, positions: [] };
    expect(memberHealth({ gateways: [gateway], owners: [] }, now)).toMatchObject({ tone: "warn", figure: "5" });
    expect(memberHealth({ gateways: [gateway], owners: [unowned] }, now).tone).toBe("bad");
    expect(memberHealth({ gateways: [], owners: [] }, now).tone).toBe("bad");
  });
});

describe("commands to copy", () => {
  it("keep a hostile word one word of the shell", () => {
    expect(quoted("games.events")).toBe("games.events");
    expect(quoted("a'; rm -rf / #")).toBe("'a'\\''; rm -rf / #'");
    expect(quoted("")).toBe("''");
    expect(tailCommand("games.events", { key: "$(id)", type: "games.event.*" })).toBe(
      "blazing-sun tail games.events --key '$(id)' --type 'games.event.*' --from-beginning --until-end",
    );
    expect(tailCommand("games.events", {}, true)).toBe("blazing-sun tail games.events");
  });

  it("append a record with its key and headers", () => {
    const record = message(1, { topic: "t", key: "k", value: { name: "it's" }, headers: { a: "b" } });
    expect(producerCommand(record)).toBe(
      `printf '%s\\n' 'a:b\tk\t{"name":"it'\\''s"}' | kafka-console-producer.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --topic t --property parse.key=true --property parse.headers=true`,
    );
  });

  it("append nothing where Kafka's tools would read more than that record", () => {
    for (const hostile of [
      { key: "k\nk2\tforged" },
      { key: "k\tforged" },
      { key: "k\rforged" },
      { value: "a\nforged" },
      { headers: { a: "b\tforged" } },
      { headers: { a: "b\nforged" } },
      { headers: { a: "b,forged:c" } },
      { headers: { "a:b": "c" } },
    ])
      expect(
        producerCommand(message(1, { topic: "t", key: "k", value: "v", headers: {}, ...hostile })),
      ).toBeUndefined();
    const tabbed = message(1, { topic: "t", key: "k", value: "a\tb", headers: {} });
    expect(producerCommand(tabbed)).toContain("'k\ta\tb'");
  });
});

describe("JSON", () => {
  it("hides nothing", () => {
    expect(visible('"a\u202eb\u200bc\u{e0001}"')).toBe('"a\\u202eb\\u200bc\\udb40\\udc01"');
    expect(visible('"ä 😀 日"')).toBe('"ä 😀 日"');
  });

  it("links what is an id by its name, and nothing else", () => {
    expect(linkOf("room_id", ID)).toBe(`/kafka/rooms/${ID}`);
    expect(linkOf("correlation_id", ID)).toBe(`/kafka/trace/${ID}`);
    expect(linkOf("winner_id", "7")).toBe("/kafka/players/7");
    expect(linkOf("user_id", "javascript:alert(1)")).toBeUndefined();
    expect(linkOf("room_name", ID)).toBeUndefined();
    expect(linkOf("room_id", { id: ID })).toBeUndefined();
  });
});

describe("a long list", () => {
  it("draws what can be seen and little more", () => {
    expect(windowOf(0, 600, 30, 100_000)).toEqual({ first: 0, end: 28, offset: 0 });
    const middle = windowOf(1_500_000, 600, 30, 100_000);
    expect(middle).toEqual({ first: 49_992, end: 50_028, offset: 1_499_760 });
    expect(windowOf(9e9, 600, 30, 10)).toMatchObject({ first: 9, end: 10 });
    expect(windowOf(0, 600, 30, 0)).toEqual({ first: 0, end: 0, offset: 0 });
  });

  it("scrolls no further than the row that is wanted", () => {
    expect(scrollFor(5, 0, 600, 30)).toBeUndefined();
    expect(scrollFor(20, 0, 600, 30)).toBe(30);
    expect(scrollFor(3, 300, 600, 30)).toBe(90);
  });
});

describe("a setting's value", () => {
  it("is of the kind that it was", () => {
    expect(settingValue("5", { value: 1 })).toBe(5);
    expect(settingValue("five", { value: 1 })).toBe("five");
    expect(settingValue("true", { value: false })).toBe(true);
    expect(settingValue(" info ", { value: "warn" })).toBe("info");
    expect(settingValue('{"a":1}', { value: {} })).toEqual({ a: 1 });
  });
});

describe("finding", () => {
  const api = (answers: Record<string, unknown>) => ({
    asked: [] as string[],
    async get<T>(path: string): Promise<T> {
      this.asked.push(path);
      if (path in answers) return answers[path] as T;
      throw new ApiProblem(404, "not_found", "no such thing");
    },
  });
  const trace = { correlation_id: ID, steps: [{}], verdict: "", complete: true };

  it("takes the id out of a complaint", async () => {
    const path = await find(api({ [`trace/${ID}`]: trace }), `I rolled and nothing happened, id ${ID.toUpperCase()}!`);
    expect(path).toBe(`/kafka/trace/${ID}`);
  });

  it("goes to a room where it is one", async () => {
    expect(await find(api({ [`trace/${ID}`]: trace, [`rooms/${ID}`]: {} }), ID)).toBe(`/kafka/rooms/${ID}`);
  });

  it("knows users, messages, dead letters, topics, groups and names", async () => {
    const known = api({
      "players/7": {},
      topics: { topics: [{ name: "games.events" }] },
      groups: { groups: [{ group: "blazing_sun" }] },
      "players?query=%40Ada": { players: [{ user_id: "9" }] },
      "players?query=A": { players: [{ user_id: "9" }, { user_id: "10" }] },
    });
    for (const [wanted, path] of [
      ["7", "/kafka/players/7"],
      ["games.events/0/17", messagePath("games.events", 0, 17)],
      ["checkout-topic-3@17", messagePath("checkout-topic", 3, 17)],
      ["0-17", "/kafka/dead-letters?id=0-17"],
      ["games.events", "/kafka/topics/games.events"],
      ["blazing_sun", "/kafka/groups/blazing_sun"],
      ["@Ada", "/kafka/players/9"],
      ["A", "/kafka/players?query=A"],
    ]) {
      expect(await find(known, wanted ?? ""), wanted).toBe(path);
    }
  });

  it("finds nothing where there is nothing, and says so where the server fails", async () => {
    for (const wanted of ["", "  ", "8", "nobody", ID]) expect(await find(api({}), wanted), wanted).toBeUndefined();
    const broken = { get: () => Promise.reject(new ApiProblem(503, "unavailable", "down")) };
    await expect(find(broken, "7")).rejects.toThrow("down");
  });
});

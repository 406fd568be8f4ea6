import { ApiProblem } from "@blazing-sun/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Api } from "../src/api.js";
import { Paged, type PageOf } from "../src/paged.js";
import { Remote } from "../src/remote.js";

function host() {
  const controllers: { hostConnected?(): void; hostDisconnected?(): void }[] = [];
  return {
    drawn: 0,
    updateComplete: Promise.resolve(true),
    addController: (controller: (typeof controllers)[number]) => void controllers.push(controller),
    removeController: () => {},
    requestUpdate() {
      this.drawn += 1;
    },
    connect: () => controllers.forEach((each) => void each.hostConnected?.()),
    disconnect: () => controllers.forEach((each) => void each.hostDisconnected?.()),
  };
}

afterEach(() => vi.useRealTimers());

describe("what is asked for again and again", () => {
  it("keeps its last answer when the next one fails, and asks on", async () => {
    vi.useFakeTimers();
    const answers: (number | Error)[] = [1, new Error("down"), 2];
    const page = host();
    const remote = new Remote(
      page,
      async () => {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer;
      },
      1_000,
    );
    page.connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(remote).toMatchObject({ data: 1, error: undefined, isLoading: false });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(remote).toMatchObject({ data: 1, error: new Error("down") });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(remote).toMatchObject({ data: 2, error: undefined });
    page.disconnect();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(answers).toEqual([]);
  });

  it("lets an answer go that was overtaken, or that nobody waits for any more", async () => {
    const answers: ((value: string) => void)[] = [];
    const page = host();
    const remote = new Remote(page, () => new Promise<string>((resolve) => answers.push(resolve)));
    page.connect();
    const second = remote.reload();
    answers[1]?.("second");
    await second;
    answers[0]?.("first");
    await Promise.resolve();
    expect(remote.data).toBe("second");
    const third = remote.reload();
    page.disconnect();
    answers[2]?.("third");
    await third;
    expect(remote.data).toBe("second");
  });
});

describe("a list in pages", () => {
  const pages: Record<string, PageOf<number>> = {
    first: { items: [1, 2], next: "a" },
    a: { items: [3], next: null },
  };

  it("grows by pages up to its end", async () => {
    const page = host();
    const paged = new Paged<number>(page, async (cursor) => pages[cursor ?? "first"] ?? { items: [], next: null });
    page.connect();
    await vi.waitFor(() => expect(paged.isLoaded).toBe(true));
    await paged.more();
    expect(paged).toMatchObject({ items: [1, 2, 3], isAtEnd: true });
    await paged.more();
    expect(paged.items).toEqual([1, 2, 3]);
    await paged.reload();
    expect(paged).toMatchObject({ items: [1, 2], isAtEnd: false });
  });

  it("asks again for the page that failed, and keeps those before it", async () => {
    const failures = [new Error("down")];
    const page = host();
    const paged = new Paged<number>(page, async (cursor) => {
      const failure = cursor === "a" ? failures.shift() : undefined;
      if (failure) throw failure;
      return pages[cursor ?? "first"] ?? { items: [], next: null };
    });
    page.connect();
    await vi.waitFor(() => expect(paged.isLoaded).toBe(true));
    await paged.more();
    expect(paged).toMatchObject({ items: [1, 2], error: new Error("down"), isLoading: false });
    await paged.again();
    expect(paged).toMatchObject({ items: [1, 2, 3], error: undefined });
  });
});

describe("a request", () => {
  const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });

  it("is sent once more with a renewed token, and no more than once", async () => {
    const tokens: unknown[] = [];
    const session = {
      token: async (options?: { refused?: boolean }) => {
        tokens.push(options?.refused ?? false);
        return options?.refused ? "new" : "old";
      },
    };
    const sent: unknown[] = [];
    const api = new Api(session, async (_, init) => {
      const authorization = new Headers(init?.headers).get("authorization");
      sent.push(authorization);
      return authorization === "Bearer new" ? answer(200, { ok: 1 }) : answer(401, { code: "unauthorized" });
    });
    expect(await api.get("me")).toEqual({ ok: 1 });
    expect(sent).toEqual(["Bearer old", "Bearer new"]);
    expect(tokens).toEqual([false, true]);
  });

  it("fails with the server's words, or with the status where it has none", async () => {
    const session = { token: async () => "t" };
    const problem = new Api(session, async () => answer(409, { code: "room_closed", detail: "It is over." }));
    await expect(problem.post("rooms/x/close", { reason: "y" })).rejects.toMatchObject(
      new ApiProblem(409, "room_closed", "It is over."),
    );
    const plain = new Api(session, async () => new Response("<html>", { status: 502 }));
    await expect(plain.get("me")).rejects.toMatchObject({ status: 502, code: "http_502" });
  });

  it("names what is asked for in its address, as text", async () => {
    const addresses: unknown[] = [];
    const api = new Api({ token: async () => "t" }, async (address) => {
      addresses.push(address);
      return answer(200, {});
    });
    await api.get("topics/games.events/messages", { text: "a&b=c#d", key: undefined, limit: 5, cursor: "" });
    expect(addresses).toEqual(["/api/v1/admin/topics/games.events/messages?text=a%26b%3Dc%23d&limit=5"]);
  });
});

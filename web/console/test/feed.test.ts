import { describe, expect, it, vi } from "vitest";
import { type Asked, Feed, rowOf } from "../src/feed.js";
import type { Messages } from "../src/types.js";
import { message } from "./examples.js";

const page = (offsets: number[], next: string | null, scanned = offsets.length): Messages => ({
  messages: offsets.map((offset) => message(offset)),
  next_cursor: next,
  scanned,
  is_at_end: next === null,
});

/** A server that answers these pages in turn, and then nothing any more. */
function server(...pages: (Messages | Error)[]) {
  const asked: Asked[] = [];
  const ask = (query: Asked, signal: AbortSignal): Promise<Messages> => {
    asked.push(query);
    const next = pages.shift();
    if (next instanceof Error) return Promise.reject(next);
    if (next) return Promise.resolve(next);
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  };
  return { asked, ask };
}
const offsets = (feed: Feed) => feed.rows.map(({ offset }) => offset);

describe("a feed", () => {
  it("goes on through records that do not match until something does", async () => {
    const { asked, ask } = server(page([], "a", 20_000), page([], "b", 20_000), page([7], "c", 400));
    const feed = new Feed(ask, { start: "newest", text: "x" }, () => {});
    await feed.more();
    expect(offsets(feed)).toEqual([7]);
    expect(feed.scanned).toBe(40_400);
    expect(asked.map(({ cursor }) => cursor)).toEqual([undefined, "a", "b"]);
    expect(asked[2]).toMatchObject({ start: "newest", text: "x", limit: 500 });
    expect(feed).toMatchObject({ isAtEnd: false, isLoading: false });
  });

  it("ends where the topic does, and asks nothing more", async () => {
    const { asked, ask } = server(page([2, 1], "a"), page([0], null));
    const feed = new Feed(ask, { start: "newest" }, () => {});
    await feed.all();
    expect(offsets(feed)).toEqual([2, 1, 0]);
    expect(feed.isAtEnd).toBe(true);
    await feed.more();
    expect(asked).toHaveLength(2);
  });

  it("keeps what it has when a page fails, and goes on from there", async () => {
    const { asked, ask } = server(page([5], "a"), new Error("down"), page([4], null));
    const feed = new Feed(ask, { start: "newest" }, () => {});
    await feed.more();
    await feed.more();
    expect(feed.error).toEqual(new Error("down"));
    expect(offsets(feed)).toEqual([5]);
    await feed.more();
    expect(feed.error).toBeUndefined();
    expect(offsets(feed)).toEqual([5, 4]);
    expect(asked.map(({ cursor }) => cursor)).toEqual([undefined, "a", "a"]);
  });

  it("is stopped while it looks", async () => {
    const { ask } = server(page([], "a", 20_000));
    const feed = new Feed(ask, { start: "newest" }, () => {});
    const looking = feed.more();
    await vi.waitFor(() => expect(feed.scanned).toBe(20_000));
    feed.stop();
    await looking;
    expect(feed).toMatchObject({ isLoading: false, isAtEnd: false, error: undefined });
  });

  it("puts what comes on top, the newest first, and can be paused and go on", async () => {
    const { asked, ask } = server(page([], "a"), page([1, 2], "b"), page([3], "c"));
    const feed = new Feed(ask, { start: "end" }, () => {});
    feed.start();
    await vi.waitFor(() => expect(offsets(feed)).toEqual([3, 2, 1]));
    expect(feed).toMatchObject({ added: 1, isFollowing: true, isAtEnd: false });
    expect(asked[0]?.wait_ms).toBeUndefined();
    expect(asked[1]).toMatchObject({ cursor: "a", wait_ms: 20_000 });
    feed.stop();
    expect(feed.isFollowing).toBe(false);
    void feed.follow();
    await vi.waitFor(() => expect(asked.at(-1)?.cursor).toBe("c"));
    feed.stop();
  });
});

describe("a row", () => {
  it("shows the payload's beginning, and keeps no more of it", () => {
    const row = rowOf(message(1, { value: { payload: { text: "x".repeat(5_000) } } }));
    expect(row.preview).toHaveLength(161);
    expect(rowOf(message(1, { value: "plain" })).preview).toBe("plain");
    expect(rowOf(message(1, { value: undefined })).preview).toBe("");
  });
});

import { render } from "lit";
import { afterEach, describe, expect, it, vi } from "vitest";
import "../src/elements/ask.js";
import type { Ask } from "../src/elements/ask.js";
import "../src/elements/json_view.js";
import type { JsonView } from "../src/elements/json_view.js";
import "../src/elements/lag_chart.js";
import type { LagChart } from "../src/elements/lag_chart.js";
import "../src/elements/message_list.js";
import type { MessageList } from "../src/elements/message_list.js";
import { table } from "../src/elements/parts.js";
import { type Row, rowOf } from "../src/feed.js";
import { moveRow, openRow } from "../src/keys.js";
import { message } from "./examples.js";

const HOSTILE = '<img src=x onerror="alert(1)">\u202e';

afterEach(() => document.body.replaceChildren());

async function shown<T extends HTMLElement & { updateComplete: Promise<unknown> }>(
  name: string,
  properties: Partial<T>,
): Promise<T> {
  const element = Object.assign(document.createElement(name) as T, properties);
  document.body.append(element);
  await element.updateComplete;
  return element;
}

const row = (offset: number): Row => rowOf(message(offset));
const rows = (from: number, count: number) => Array.from({ length: count }, (_, at) => row(from - at));

describe("JSON", () => {
  it("is text whatever it holds, with its ids as links", async () => {
    const view = await shown<JsonView>("bc-json", {
      value: { room_id: "r-1", name: HOSTILE, list: [1, null, true, {}], [HOSTILE]: "x" },
    });
    const root = view.shadowRoot;
    expect(root?.querySelector("img")).toBeNull();
    expect(root?.querySelector("a")?.getAttribute("href")).toBe("/kafka/rooms/r-1");
    const text = root?.querySelector("pre")?.textContent ?? "";
    expect(text.split("\\u202e")).toHaveLength(3);
    expect(JSON.parse(text)).toEqual({ room_id: "r-1", name: HOSTILE, list: [1, null, true, {}], [HOSTILE]: "x" });
  });

  it("of great length is shown in part at first", async () => {
    const view = await shown<JsonView>("bc-json", { value: Array.from({ length: 1_000 }, (_, at) => at) });
    const text = () => view.shadowRoot?.querySelector("pre")?.textContent ?? "";
    expect(text()).toContain("800 more");
    view.shadowRoot?.querySelector("button")?.click();
    await view.updateComplete;
    expect(JSON.parse(text())).toHaveLength(1_000);
  });
});

describe("a list of messages", () => {
  const drawn = (list: MessageList) => [...(list.shadowRoot?.querySelectorAll('[data-testid="message"]') ?? [])];

  it("draws few of many, and asks for more before its end is reached", async () => {
    const list = await shown<MessageList>("bc-message-list", { rows: rows(99_999, 100_000) });
    expect(drawn(list).length).toBeLessThan(60);
    expect(list.shadowRoot?.querySelector('[role="grid"]')?.getAttribute("aria-rowcount")).toBe("100001");
    const nearEnd = vi.fn();
    list.addEventListener("near-end", nearEnd);
    list.rows = rows(99, 100);
    await list.updateComplete;
    expect(nearEnd).not.toHaveBeenCalled();
    list.rows = rows(30, 30);
    await list.updateComplete;
    expect(nearEnd).toHaveBeenCalled();
  });

  it("is walked by keys, and what is picked is told", async () => {
    const list = await shown<MessageList>("bc-message-list", { rows: rows(999, 1_000) });
    const grid = list.shadowRoot?.querySelector<HTMLElement>(".grid");
    const picked: number[] = [];
    list.addEventListener("pick", (event) => picked.push((event as CustomEvent<Row>).detail.offset));
    const press = async (key: string) => {
      grid?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      await list.updateComplete;
    };
    for (const key of ["j", "ArrowDown", "k", "Enter", "End", "Enter", "Home", "Enter"]) await press(key);
    expect(picked).toEqual([998, 0, 999]);
    expect(grid?.getAttribute("aria-activedescendant")).toBe("row-0");
  });

  it("stays where it is read while new messages come on top", async () => {
    const list = await shown<MessageList>("bc-message-list", { rows: rows(999, 1_000) });
    const grid = list.shadowRoot?.querySelector<HTMLElement>(".grid");
    if (!grid) throw new Error("no grid");
    grid.scrollTop = 9_000;
    grid.dispatchEvent(new Event("scroll"));
    await list.updateComplete;
    const first = drawn(list)[0]?.getAttribute("data-id");
    list.added = 5;
    list.rows = [...rows(1_004, 5), ...rows(999, 1_000)];
    await list.updateComplete;
    expect(drawn(list)[0]?.getAttribute("data-id")).toBe(first);
    expect(grid.scrollTop).toBe(9_150);
  });
});

describe("a question", () => {
  it("is not acted on without a reason, tells why it failed, and closes once it is done", async () => {
    const ask = await shown<Ask>("bc-ask", {});
    const asked: unknown[] = [];
    const failures = [new Error("down")];
    const act = async (values: unknown) => {
      asked.push(values);
      const failure = failures.shift();
      if (failure) throw failure;
    };
    ask.open({ title: "Ban?", lead: "", fields: [{ name: "reason", label: "Reason" }], confirm: "Ban", act });
    await ask.updateComplete;
    const root = ask.shadowRoot;
    const field = root?.querySelector("input");
    const submit = async () => {
      root?.querySelector("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
      await new Promise((resolve) => setTimeout(resolve));
      await ask.updateComplete;
    };
    await submit();
    expect(root?.querySelector('[role="alert"]')?.textContent).toBe("“Reason” is empty.");
    if (field) field.value = "  two accounts ";
    await submit();
    expect(asked).toEqual([{ reason: "two accounts" }]);
    expect(root?.querySelector('[role="alert"]')?.textContent).toBe("The server cannot be reached.");
    await submit();
    await vi.waitFor(() => expect(root?.querySelector("dialog")).toBeNull());
  });
});

describe("a chart", () => {
  it("says in words what it draws, and draws nothing that is no number", async () => {
    const samples = [0, 5, 412].map((lag, at) => ({ at: `2026-01-31T18:00:0${at}Z`, lag }));
    const chart = await shown<LagChart>("bc-lag-chart", { samples });
    const drawn = chart.shadowRoot?.querySelector("svg");
    expect(drawn?.getAttribute("aria-label")).toBe("Lag now 412, at most 412, in 3 samples");
    expect(drawn?.querySelectorAll("polyline")[0]?.getAttribute("points")?.split(" ")).toHaveLength(3);
    const flat = await shown<LagChart>("bc-lag-chart", { samples: [{ at: "2026-01-31T18:00:00Z", lag: 0 }] });
    expect(flat.shadowRoot?.innerHTML.includes("NaN")).toBe(false);
  });
});

describe("rows of a table", () => {
  it("are walked by j and k and opened by Enter", () => {
    const opened: string[] = [];
    const button = (name: string) => {
      const element = document.createElement("button");
      element.onclick = () => opened.push(name);
      return element;
    };
    render(table("Names", [{ name: "Name", draw: button }], ["a", "b", "c"]), document.body);
    moveRow(document, 1);
    moveRow(document, 1);
    expect(openRow()).toBe(true);
    moveRow(document, -1);
    openRow();
    expect(opened).toEqual(["b", "a"]);
    (document.activeElement as HTMLElement).blur();
    expect(openRow()).toBe(false);
  });
});

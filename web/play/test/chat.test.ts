import { Refusal } from "@blazing-sun/client";
import { describe, expect, it, vi } from "vitest";
import { ChatBox } from "../src/elements/chat_box.js";
import { Outbox } from "../src/outbox.js";

describe("a message on its way", () => {
  it("is pending until it is confirmed", async () => {
    const changed = vi.fn();
    const outbox = new Outbox(changed);
    let confirm = () => {};
    const sent = new Promise<void>((resolve) => {
      confirm = resolve;
    });
    outbox.send("here", "hi", () => sent);
    expect(outbox.of("here")).toMatchObject([{ content: "hi", problem: null }]);
    expect(outbox.of("there")).toEqual([]);
    confirm();
    await vi.waitFor(() => expect(outbox.of("here")).toEqual([]));
    expect(changed).toHaveBeenCalledTimes(2);
  });

  it("says why it was refused, and is sent again or given up", async () => {
    const outbox = new Outbox(() => {});
    const give = vi.fn().mockRejectedValueOnce(new Refusal("muted", "Muted")).mockResolvedValueOnce(undefined);
    outbox.send("here", "hi", give);
    await vi.waitFor(() => expect(outbox.of("here")[0]?.problem).toBe("The host has muted you here."));
    outbox.retry("here", outbox.of("here")[0]?.id ?? 0);
    await vi.waitFor(() => expect(outbox.of("here")).toEqual([]));
    outbox.send("here", "again", () => Promise.reject(new Refusal("rate_limited", "slow")));
    await vi.waitFor(() => expect(outbox.of("here")[0]?.problem).toMatch(/too fast/));
    outbox.drop("here", outbox.of("here")[0]?.id ?? 0);
    expect(outbox.of("here")).toEqual([]);
  });
});

describe("a chat", () => {
  const HOSTILE = '<img src=x onerror="alert(1)">\u202e';

  async function drawn(fields: Partial<ChatBox>): Promise<ShadowRoot> {
    const box = Object.assign(new ChatBox(), fields);
    document.body.replaceChildren(box);
    await box.updateComplete;
    if (!box.shadowRoot) throw new Error("not drawn");
    return box.shadowRoot;
  }

  const line = (id: string, userId: string) => ({ id, userId, username: HOSTILE, content: HOSTILE, timestamp: "" });

  it("shows what others wrote, and their names, as text alone", async () => {
    const root = await drawn({
      lines: [line("1", "7"), line("2", "7"), line("3", "8")],
      me: "1",
      showPerson: () => {},
    });
    expect(root.querySelector("img")).toBeNull();
    expect([...root.querySelectorAll(".content")].map((each) => each.textContent)).toEqual([HOSTILE, HOSTILE, HOSTILE]);
    // A name once for messages in a row, each kept from turning the text around it.
    expect([...root.querySelectorAll(".author bdi")].map((each) => each.textContent)).toEqual([HOSTILE, HOSTILE]);
    expect(root.querySelector('[role="log"]')?.getAttribute("aria-live")).toBe("polite");
  });

  it("takes no blank message, and empties the field of any other", async () => {
    const sent: string[] = [];
    const root = await drawn({ send: (content) => sent.push(content) });
    const input = root.querySelector("input");
    const form = root.querySelector("form");
    if (!input || !form) throw new Error("no form");
    for (const content of ["   ", " hello "]) {
      input.value = content;
      form.dispatchEvent(new SubmitEvent("submit", { cancelable: true }));
    }
    expect(sent).toEqual(["hello"]);
    expect(input.value).toBe("");
  });

  it("says why nothing can be written in place of the field", async () => {
    const root = await drawn({ closed: "The host has muted you." });
    expect(root.querySelector("input")).toBeNull();
    expect(root.querySelector('[data-testid="chat-closed"]')?.textContent).toBe("The host has muted you.");
  });
});

import type { UserId } from "@blazing-sun/client";

const CHANNEL = "blazing-sun.signed-in";

/** Tells the other tabs of this browser who is signed in now, which they share by their cookie, and hears it of them. */
export class Tabs {
  private readonly channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(CHANNEL);

  constructor(heard: (userId: UserId | null) => void) {
    this.channel?.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (data === null || typeof data === "string") heard(data);
    });
  }

  tell(userId: UserId | null): void {
    this.channel?.postMessage(userId);
  }
}

import type { Frame } from "./wire.js";
import { ANSWERS } from "./wire.js";

/** Resolves on the command's answer; `acked` when the command is durable on the server. */
export interface CommandHandle<T> extends Promise<T> {
  readonly acked: Promise<void>;
  /** Made when the command is first sent, so that its time is the server's. */
  readonly commandId: string | undefined;
}

export class PendingCommand {
  commandId: string | undefined;
  /** Local time of the last sending on the present connection. */
  sentAtMs: number | undefined;
  /** How often the server was too busy for it. */
  busyCount = 0;
  /** Waits for the pause to end after which it is sent again. */
  isHeld = false;
  onSettled: () => void = () => {};
  readonly handle: CommandHandle<Frame>;
  #isAcked = false;
  #resolveAck!: () => void;
  #rejectAck!: (reason: unknown) => void;
  #resolveAnswer!: (frame: Frame) => void;
  #rejectAnswer!: (reason: unknown) => void;

  constructor(
    readonly type: string,
    readonly fields: object,
  ) {
    const acked = new Promise<void>((resolve, reject) => {
      this.#resolveAck = resolve;
      this.#rejectAck = reject;
    });
    // Most callers wait for the answer alone; its rejection is the one that must not go unnoticed.
    acked.catch(() => {});
    const answer = new Promise<Frame>((resolve, reject) => {
      this.#resolveAnswer = resolve;
      this.#rejectAnswer = reject;
    });
    this.handle = Object.defineProperties(answer, {
      acked: { value: acked },
      commandId: { get: () => this.commandId },
    }) as CommandHandle<Frame>;
  }

  /** The frame to send; the same for every sending. */
  frame(): string {
    return JSON.stringify({ ...this.fields, type: this.type, command_id: this.commandId });
  }

  get roomId(): unknown {
    return "room_id" in this.fields ? this.fields.room_id : undefined;
  }

  isAnsweredBy(frame: Frame): boolean {
    if (frame.type.endsWith(".command_applied")) return true;
    const expected: readonly string[] | undefined = ANSWERS[this.type as keyof typeof ANSWERS];
    return !expected || expected.includes(frame.type);
  }

  ack(): void {
    this.#isAcked = true;
    this.#resolveAck();
  }

  answer(frame: Frame): void {
    this.onSettled();
    this.#resolveAck();
    this.#resolveAnswer(frame);
  }

  /** With a Refusal, or with what the caller who lost interest gave as the reason. */
  reject(reason: unknown): void {
    this.onSettled();
    if (!this.#isAcked) this.#rejectAck(reason);
    this.#rejectAnswer(reason);
  }
}

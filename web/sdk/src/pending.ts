import type { Frame } from "./wire.js";

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
  ack!: () => void;
  answer!: (frame: Frame) => void;
  /** With a Refusal, or with what the caller who lost interest gave as the reason. */
  reject!: (reason: unknown) => void;

  constructor(
    readonly type: string,
    readonly fields: { readonly room_id?: unknown },
  ) {
    let acked: Promise<void> | undefined;
    const answer = new Promise<Frame>((resolveAnswer, rejectAnswer) => {
      acked = new Promise((resolveAck, rejectAck) => {
        this.ack = resolveAck;
        this.answer = (frame) => {
          this.onSettled();
          resolveAck();
          resolveAnswer(frame);
        };
        this.reject = (reason) => {
          this.onSettled();
          rejectAck(reason);
          rejectAnswer(reason);
        };
      });
    });
    // Most callers wait for the answer alone; its rejection is the one that must not go unnoticed.
    acked?.catch(() => {});
    this.handle = Object.defineProperties(answer, {
      acked: { value: acked },
      commandId: { get: () => this.commandId },
    }) as CommandHandle<Frame>;
  }

  /** The frame to send; the same for every sending. */
  frame(): string {
    return JSON.stringify({ ...this.fields, type: this.type, command_id: this.commandId });
  }
}

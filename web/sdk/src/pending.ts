import { Refusal } from "./refusal.js";
import type { Answer, Frame } from "./wire.js";
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
    this.#resolveAck();
    this.#resolveAnswer(frame);
  }

  refuse(refusal: Refusal): void {
    if (!this.#isAcked) this.#rejectAck(refusal);
    this.#rejectAnswer(refusal);
  }
}

/** Commands without an answer, in the order in which they were given. */
export class PendingCommands {
  readonly #commands: PendingCommand[] = [];

  constructor(private readonly capacity: number) {}

  add(command: PendingCommand): void {
    if (this.#commands.length >= this.capacity) {
      command.refuse(new Refusal("queue_full", "Too many commands are waiting for an answer"));
      return;
    }
    this.#commands.push(command);
  }

  has(command: PendingCommand): boolean {
    return this.#commands.includes(command);
  }

  get(commandId: unknown): PendingCommand | undefined {
    return this.#find(commandId);
  }

  get size(): number {
    return this.#commands.length;
  }

  all(): readonly PendingCommand[] {
    return [...this.#commands];
  }

  ack(commandId: unknown): void {
    this.#find(commandId)?.ack();
  }

  answer(commandId: unknown, frame: Frame): void {
    const command = this.#find(commandId);
    if (!command?.isAnsweredBy(frame)) return;
    this.#remove(command);
    command.answer(frame);
  }

  refuse(commandId: unknown, code: unknown, message: unknown): boolean {
    const command = this.#find(commandId);
    if (!command) return false;
    this.#remove(command);
    command.refuse(new Refusal(String(code), String(message ?? code), command.commandId));
    return true;
  }

  refuseAll(code: string, message: string): void {
    for (const command of this.#commands.splice(0)) {
      command.refuse(new Refusal(code, message, command.commandId));
    }
  }

  #find(commandId: unknown): PendingCommand | undefined {
    if (typeof commandId !== "string") return undefined;
    return this.#commands.find((command) => command.commandId === commandId);
  }

  #remove(command: PendingCommand): void {
    const at = this.#commands.indexOf(command);
    if (at >= 0) this.#commands.splice(at, 1);
  }
}

export type { Answer };

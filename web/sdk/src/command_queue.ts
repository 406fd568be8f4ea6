import { backoffMs } from "./backoff.js";
import { CommandIds } from "./ids.js";
import type { Timing } from "./options.js";
import { type CommandHandle, PendingCommand, PendingCommands } from "./pending.js";
import { isBusy } from "./refusal.js";
import type { Frame, RoomId } from "./wire.js";

/** With signing in and what follows it well below the burst that a server takes, so that a reconnect fits in. */
const PENDING_MAX = 32;
/** A command that the server was too busy for is sent again so often. */
const BUSY_RESENDS_MAX = 5;

export interface CommandQueueOptions {
  /** Server time, which the ids carry. */
  now: () => number;
  timing: Timing;
  random: () => number;
  maxPending?: number | undefined;
  isOnline: () => boolean;
  /** Whether it was handed to an open socket. */
  write: (frame: string) => boolean;
}

/** Commands until they are answered: sent, and under the same id sent again. */
export class CommandQueue {
  readonly #pending: PendingCommands;
  readonly #ids: CommandIds;
  #busyTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: CommandQueueOptions) {
    this.#pending = new PendingCommands(Math.min(options.maxPending ?? PENDING_MAX, PENDING_MAX));
    this.#ids = new CommandIds(options.now);
  }

  get size(): number {
    return this.#pending.size;
  }

  give(type: string, fields: object): CommandHandle<Frame> {
    const command = new PendingCommand(type, fields);
    this.#pending.add(command);
    if (this.options.isOnline() && this.#pending.has(command)) this.#send(command);
    return command.handle;
  }

  /** On a new connection, which has none of them. */
  sendAll(): void {
    for (const command of this.#pending.all()) this.#send(command);
  }

  /** Those that have waited for too long. */
  resendOverdue(nowMs: number): void {
    for (const command of this.#pending.all()) {
      if (nowMs - (command.sentAtMs ?? nowMs) > this.options.timing.resendMs) this.#send(command);
    }
  }

  /**
   * A room's state after a reconnect, or that the user is not in it, may contain the effect of a command whose own
   * event came before it and so not to this connection. Sent again, the command is answered and not applied.
   */
  resendOf(roomId: RoomId): void {
    for (const command of this.#pending.all()) {
      if (command.sentAtMs !== undefined && command.roomId === roomId) this.#send(command);
    }
  }

  /** Nothing is on its way any more. */
  detach(): void {
    clearTimeout(this.#busyTimer);
    this.#busyTimer = undefined;
    for (const command of this.#pending.all()) {
      command.sentAtMs = undefined;
      command.isHeld = false;
    }
  }

  ack(commandId: unknown): void {
    this.#pending.ack(commandId);
  }

  answer(commandId: unknown, frame: Frame): void {
    this.#pending.answer(commandId, frame);
  }

  /** Whether the refusal was one of a command that waits. */
  refuse(commandId: unknown, { type, code, message }: Frame): boolean {
    const command = this.#pending.get(commandId);
    if (!command) return false;
    // The gateway's limit is over in a moment. A room's (passwords, chat) is meant: it is for the user to know.
    const isMeant = code === "rate_limited" && type !== "system.error";
    if (isMeant || !isBusy(code) || command.busyCount >= BUSY_RESENDS_MAX)
      return this.#pending.refuse(commandId, code, message);
    this.#hold(command);
    return true;
  }

  refuseAll(code: string, message: string): void {
    this.#pending.refuseAll(code, message);
  }

  #hold(command: PendingCommand): void {
    command.busyCount += 1;
    command.isHeld = true;
    command.sentAtMs = undefined;
    const { busyPauseMs: minMs, backoffMaxMs: maxMs } = this.options.timing;
    // One pause for all that were refused together, so that they are sent again in their order.
    this.#busyTimer ??= setTimeout(
      () => {
        this.#busyTimer = undefined;
        for (const held of this.#pending.all()) if (held.isHeld) this.#send(held);
      },
      backoffMs(command.busyCount - 1, { minMs, maxMs, random: this.options.random }),
    );
  }

  #send(command: PendingCommand): void {
    command.commandId ??= this.#ids.next();
    if (!this.options.write(command.frame())) return;
    command.sentAtMs = Date.now();
    command.isHeld = false;
  }
}

import { onAbort } from "./abort.js";
import { isAnswer } from "./answers.js";
import { backoffMs } from "./backoff.js";
import { CommandIds } from "./ids.js";
import type { Timing } from "./options.js";
import { type CommandHandle, PendingCommand } from "./pending.js";
import { isBusy, Refusal } from "./refusal.js";
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
  /** In the order in which they were given. */
  readonly #pending = new Set<PendingCommand>();
  readonly #ids: CommandIds;
  readonly #options: CommandQueueOptions;
  #busyTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CommandQueueOptions) {
    this.#options = options;
    this.#ids = new CommandIds(options.now);
  }

  get size(): number {
    return this.#pending.size;
  }

  give(type: string, fields: object, signal?: AbortSignal): CommandHandle<Frame> {
    const command = new PendingCommand(type, fields);
    const { maxPending = PENDING_MAX, isOnline } = this.#options;
    if (this.size >= Math.min(maxPending, PENDING_MAX)) {
      command.reject(new Refusal("queue_full", `${this.size} commands wait for an answer, and no more may`));
      return command.handle;
    }
    this.#pending.add(command);
    command.onSettled = onAbort(signal, (reason) => {
      this.#pending.delete(command);
      command.reject(reason);
    });
    if (isOnline() && this.#pending.has(command)) this.#send(command);
    return command.handle;
  }

  /** On a new connection, which has none of them. */
  sendAll(): void {
    for (const command of this.#pending) this.#send(command);
  }

  /** Those that have waited for too long. */
  resendOverdue(nowMs: number): void {
    for (const command of this.#pending) {
      if (nowMs - (command.sentAtMs ?? nowMs) > this.#options.timing.resendMs) this.#send(command);
    }
  }

  /**
   * A room's state after a reconnect, or that the user is not in it, may contain the effect of a command whose own
   * event came before it and so not to this connection. Sent again, the command is answered and not applied.
   */
  resendOf(roomId: RoomId): void {
    for (const command of this.#pending) {
      if (command.sentAtMs !== undefined && command.fields.room_id === roomId) this.#send(command);
    }
  }

  /** Nothing is on its way any more. */
  detach(): void {
    clearTimeout(this.#busyTimer);
    this.#busyTimer = undefined;
    for (const command of this.#pending) {
      command.sentAtMs = undefined;
      command.isHeld = false;
    }
  }

  ack(commandId: unknown): void {
    this.#find(commandId)?.ack();
  }

  answer(commandId: unknown, frame: Frame): void {
    const command = this.#find(commandId);
    if (!command || !isAnswer(command.type, frame)) return;
    this.#pending.delete(command);
    command.answer(frame);
  }

  /** Whether the refusal was one of a command that waits. */
  refuse(commandId: unknown, { type, code, message = code }: Frame): boolean {
    const command = this.#find(commandId);
    if (!command) return false;
    // The gateway's limit is over in a moment. A room's (passwords, chat) is meant: it is for the user to know.
    const isMeant = code === "rate_limited" && type !== "system.error";
    if (!isMeant && isBusy(code) && command.busyCount < BUSY_RESENDS_MAX) {
      this.#hold(command);
    } else {
      this.#pending.delete(command);
      command.reject(new Refusal(String(code), String(message), command.commandId));
    }
    return true;
  }

  refuseAll({ code, message }: Refusal): void {
    for (const command of this.#pending) {
      // Who closes knows; a program is not to end for commands that nobody waits for.
      command.handle.catch(() => {});
      command.reject(new Refusal(code, message, command.commandId));
    }
    this.#pending.clear();
  }

  #find(commandId: unknown): PendingCommand | undefined {
    if (commandId === undefined) return undefined;
    return [...this.#pending].find((command) => command.commandId === commandId);
  }

  #hold(command: PendingCommand): void {
    command.busyCount += 1;
    command.isHeld = true;
    command.sentAtMs = undefined;
    const { timing, random } = this.#options;
    // One pause for all that were refused together, so that they are sent again in their order.
    this.#busyTimer ??= setTimeout(
      () => {
        this.#busyTimer = undefined;
        for (const held of this.#pending) if (held.isHeld) this.#send(held);
      },
      backoffMs(command.busyCount - 1, { minMs: timing.busyPauseMs, maxMs: timing.backoffMaxMs, random }),
    );
  }

  #send(command: PendingCommand): void {
    command.commandId ??= this.#ids.next();
    if (!this.#options.write(command.frame())) return;
    command.sentAtMs = Date.now();
    command.isHeld = false;
  }
}

import { isFrame, roomIdOf, userIdOf } from "./frames.js";
import { type KeyValueStorage, LenientStorage } from "./storage.js";
import type { Frame, RoomId, UserId } from "./wire.js";

const ROOMS_KEPT = 4;
const LINES_MAX = 4_000;
const ROOMS_KEY = "blazing-sun.transcripts";

/**
 * What a client has seen of each of its last rooms: every room-wide event, and the commitments that it sent itself.
 * As JSON lines it is what `blazing-sun verify` takes. It outlives a reload of the page.
 */
export class Transcripts {
  readonly #rooms = new Map<RoomId, Frame[]>();
  readonly #storage: LenientStorage;

  constructor(storage: KeyValueStorage) {
    this.#storage = new LenientStorage(storage);
  }

  add(frame: Frame, me: UserId): void {
    const roomId = roomIdOf(frame);
    if (!roomId) return;
    const isState = frame.type === "games.event.room_state";
    const { room_seq: seq } = isState ? ((frame.room ?? {}) as Partial<Frame>) : frame;
    const lines = this.lines(roomId);
    const lastSeq = lines.findLast(({ room_seq }) => room_seq !== undefined)?.room_seq ?? -1;
    // Others' rooms are told to everyone in the lobby; a state that follows from the events before tells nothing new.
    const isNew =
      frame.type === "games.event.room_created"
        ? userIdOf(frame.host_id) === me
        : typeof seq === "number"
          ? seq > lastSeq
          : isState && lines.length === 0;
    if (isNew) this.#push(roomId, frame);
  }

  addReady(roomId: RoomId, user: UserId, commitment: string): void {
    this.#push(roomId, {
      type: "games.command.ready",
      room_id: roomId,
      user_id: user,
      seed_commitment: commitment,
    });
  }

  lines(roomId: RoomId): readonly Frame[] {
    const known = this.#rooms.get(roomId);
    if (known) return known;
    const lines: Frame[] = [];
    for (let line = this.#stored(roomId, 0); line; line = this.#stored(roomId, lines.length)) lines.push(line);
    if (lines.length > 0) this.#rooms.set(roomId, lines);
    return lines;
  }

  /** As a file: one JSON object a line. */
  file(roomId: RoomId): string {
    return this.lines(roomId)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join("");
  }

  #push(roomId: RoomId, line: Frame): void {
    const lines = [...this.lines(roomId)];
    if (lines.length >= LINES_MAX) return;
    if (lines.length === 0) this.#makeRoomFor(roomId);
    lines.push(line);
    this.#rooms.set(roomId, lines);
    this.#storage.setItem(lineKey(roomId, lines.length - 1), JSON.stringify(line));
  }

  #makeRoomFor(roomId: RoomId): void {
    const listed = this.#storage.list(ROOMS_KEY) as RoomId[];
    const kept = [...listed.filter((other) => other !== roomId), roomId];
    for (const old of kept.splice(0, kept.length - ROOMS_KEPT)) {
      this.#rooms.delete(old);
      for (let at = 0; this.#stored(old, at); at++) this.#storage.removeItem(lineKey(old, at));
    }
    this.#storage.setItem(ROOMS_KEY, JSON.stringify(kept));
  }

  #stored(roomId: RoomId, at: number): Frame | undefined {
    const line = this.#storage.read(lineKey(roomId, at));
    return isFrame(line) ? line : undefined;
  }
}

function lineKey(roomId: RoomId, at: number): string {
  return `blazing-sun.transcript.${roomId}.${at}`;
}

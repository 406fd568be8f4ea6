import type { Cents, RoomSummary } from "@blazing-sun/client";

/** Which rooms of the lobby are shown. */
export interface RoomFilters {
  /** Of this game alone. */
  readonly game?: string;
  /** With a fee of at most so much. */
  readonly feeMax?: Cents;
  /** With a free seat for this player. */
  readonly hasSeat?: boolean;
  readonly password?: "without" | "with";
  readonly state?: "waiting" | "playing";
}

/** As the address has them; what it has wrong counts as left out. */
export function filtersOf(search: string): RoomFilters {
  const query = new URLSearchParams(search);
  const game = query.get("game");
  const fee = query.get("fee") ?? "";
  const password = query.get("password");
  const state = query.get("state");
  return {
    ...(game && /^[a-z0-9_]{1,100}$/.test(game) ? { game } : {}),
    ...(/^\d{1,9}$/.test(fee) ? { feeMax: Number(fee) } : {}),
    ...(query.get("seat") === "free" ? { hasSeat: true } : {}),
    ...(password === "with" || password === "without" ? { password } : {}),
    ...(state === "waiting" || state === "playing" ? { state } : {}),
  };
}

/** As they stand in the address: nothing where all rooms are shown. */
export function searchOf({ game, feeMax, hasSeat, password, state }: RoomFilters): string {
  const query = new URLSearchParams();
  if (game !== undefined) query.set("game", game);
  if (feeMax !== undefined) query.set("fee", String(feeMax));
  if (hasSeat) query.set("seat", "free");
  if (password !== undefined) query.set("password", password);
  if (state !== undefined) query.set("state", state);
  const search = query.toString();
  return search === "" ? "" : `?${search}`;
}

export function isFiltered(filters: RoomFilters): boolean {
  return searchOf(filters) !== "";
}

export function passes(room: RoomSummary, { game, feeMax, hasSeat, password, state }: RoomFilters): boolean {
  const isWaiting = room.status === "waiting";
  // The house's bot makes room for people.
  const people = room.player_count - (room.bot_count ?? 0);
  return (
    (game === undefined || room.game_type === game) &&
    (feeMax === undefined || room.entry_fee_cents <= feeMax) &&
    (!hasSeat || (isWaiting && people < room.max_players)) &&
    (password === undefined || room.is_password_protected === (password === "with")) &&
    (state === undefined || isWaiting === (state === "waiting"))
  );
}

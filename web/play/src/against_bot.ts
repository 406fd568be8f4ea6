import type { Client, Member, RoomView, UserId } from "@blazing-sun/client";

/** The bot that a lone host can play against now. */
export function botToPlay(room: RoomView, me: UserId): Member | undefined {
  const isAlone = room.members.every((member) => member.isBot || member.userId === me);
  return room.phase === "waiting" && room.hostId === me && isAlone
    ? room.members.find((member) => member.isBot)
    : undefined;
}

/** Gives both a seat and is ready: what the host would do by hand. */
export async function startAgainstBot(client: Client, room: RoomView, me: UserId): Promise<void> {
  const bot = botToPlay(room, me);
  if (!bot) return;
  const { roomId } = room;
  for (const userId of [bot.userId, me]) {
    if (room.selected.includes(userId)) continue;
    await client.command("games.command.select_player", { room_id: roomId, target_user_id: userId });
  }
  await client.ready(roomId, true);
}

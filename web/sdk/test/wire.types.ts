// What the compiler has to take, and what it has to refuse: checked by `tsc`, never run.
import { WebSocket as NodeWebSocket } from "ws";
import type { Client, Refusal } from "../src/index.js";
import { connect, Session } from "../src/index.js";

declare const client: Client;

export async function commands(): Promise<void> {
  const made = await client.command("games.command.create_room", { game_type: "bigger_dice", room_name: "Table" });
  if (made.type === "games.event.room_state") made.room.seed_commitment?.length;
  // @ts-expect-error a field that the command has not
  client.command("games.command.create_room", { game_type: "bigger_dice", room_title: "Table" });
  // @ts-expect-error a field is missing
  client.command("games.command.create_room", { game_type: "bigger_dice" });
  // @ts-expect-error a field of another type
  client.command("games.command.tic_tac_toe.move", { room_id: "r", position: "4" });
  // @ts-expect-error not one of the channels
  client.command("games.command.send_chat", { room_id: "r", channel: "all", content: "hello" });
  // @ts-expect-error no such command
  client.command("games.command.create_rom", { game_type: "bigger_dice", room_name: "Table" });
  // @ts-expect-error a known game has no such move
  client.command("games.command.tic_tac_toe.mov", { room_id: "r", position: 4 });
  // Another game's moves are its own.
  client.command("games.command.my_game.add", { room_id: "r", count: 2 });
  const [game, move] = ["my_game", "add"];
  client.command(`games.command.${game}.${move}`, { room_id: "r" });

  const history = await client.command("games.command.get_chat_history", { room_id: "r", channel: "lobby" });
  if (history.type === "games.event.chat_history") history.messages.length;
  // @ts-expect-error that is not what answers it
  if (history.type === "games.event.room_list") history.rooms.length;
}

export function events(): void {
  client.on("games.event.bigger_dice.rolled", (event) => event.roll.toFixed());
  // @ts-expect-error no such field
  client.on("games.event.bigger_dice.rolled", (event) => event.rol);
  // @ts-expect-error no such event
  client.on("games.event.room_stat", () => {});
  // @ts-expect-error a known game has no such event
  client.on("games.event.bigger_dice.roled", () => {});
  client.on("games.event.my_game.added", (event) => event.count);
  void client.next("games.event.turn_changed", { where: ({ current_turn }) => current_turn === "7" });
  // @ts-expect-error no such field
  void client.next("games.event.turn_changed", { where: ({ turn }) => turn === "7" });
}

export function refusals(refusal: Refusal): string {
  switch (refusal.code) {
    case "not_your_turn":
      return "wait";
    case "queue_full":
      return "later";
    // @ts-expect-error no such code
    case "not_your_go":
      return "never";
    default:
      return refusal.message;
  }
}

export function connecting(): void {
  const session = new Session({ origin: "https://play.example" });
  const token = async () => "token";
  connect({ session });
  connect({ session, WebSocket: NodeWebSocket });
  connect({ url: "wss://play.example/ws", token, WebSocket: globalThis.WebSocket });
  connect({ url: new URL("wss://play.example/ws"), token });
  // @ts-expect-error nobody to connect as
  connect({ url: "wss://play.example/ws" });
  // @ts-expect-error one or the other
  connect({ session, url: "wss://play.example/ws", token });
  // @ts-expect-error no such option
  connect({ session, retries: 3 });
  // @ts-expect-error no such time
  connect({ session, timing: { heartbeat: 10 } });
}

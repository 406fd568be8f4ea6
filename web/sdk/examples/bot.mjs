// Plays one game of Bigger Dice against whoever looks for one: node bot.mjs http://127.0.0.1:8080
import { checkFairness, connect, isContradicted, Session } from "@blazing-sun/client";
import { WebSocket } from "ws";

const session = new Session({ origin: process.argv[2] });
const { user_id: me, username } = await session.guest();
const client = connect({ session, WebSocket });
let rolled = 0;
client.quickMatch.onEnd((end) => "roomId" in end && client.ready(end.roomId).catch(console.warn));
client.on("games.event.seed_renewed", ({ room_id }) => client.ready(room_id).catch(() => {}));
client.rooms.onChange(({ roomId, turn }) => {
  if (turn?.userId !== me || turn.number === rolled) return;
  rolled = turn.number;
  client.command("games.command.bigger_dice.roll", { room_id: roomId }).catch(console.warn);
});
client.quickMatch.start("bigger_dice");
const { room_id } = await client.next("games.event.seed_revealed");
const report = await checkFairness(client.transcripts.lines(room_id), me);
console.log(`${username}: ${report?.winner} won, ${report && !isContradicted(report) ? "fairly" : "NOT FAIRLY"}`);
client.close();

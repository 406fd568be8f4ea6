import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { type Client, connect, MemoryStorage, type Payment } from "../src/index.js";
import { type Connection, ScriptedServer } from "./scripted_server.js";

let server: ScriptedServer;
let connection: Connection;
let client: Client;

beforeEach(async () => {
  server = await ScriptedServer.start();
  client = connect({
    url: server.url,
    token: async () => "token",
    WebSocket: WebSocket,
    storage: new MemoryStorage(),
  });
  connection = await server.connection();
  await connection.signIn();
});

afterEach(async () => {
  client.close();
  await server.stop();
});

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 2 });

const topUp = (status: string, fields: object = {}) => ({
  type: "wallet.event.top_up",
  event_id: crypto.randomUUID(),
  timestamp: "2026-01-01T00:00:00Z",
  request_id: "p1",
  status,
  amount_cents: 2_000,
  currency: "eur",
  ...fields,
});

const kept = (status: Payment["status"], fields: Partial<Payment> = {}): Payment => ({
  request_id: "p1",
  status,
  amount_cents: 2_000,
  currency: "eur",
  requested_at: "2026-01-01T00:00:00Z",
  refunded_cents: 0,
  session_url: null,
  error_message: null,
  ...fields,
});

const statuses = () => client.wallet.payments().map(({ request_id, status }) => `${request_id} ${status}`);

it("asks for a payment, and follows what becomes of it", async () => {
  const moves: string[] = [];
  client.wallet.onPayment(({ status }) => moves.push(status));
  const asked = client.wallet.topUp(2_000, { success_url: "https://play.example/wallet" });
  const command = await connection.frame("wallet.command.top_up");
  expect(command).toMatchObject({ amount_cents: 2_000, success_url: "https://play.example/wallet" });
  // Another device's is no answer to this one.
  connection.send(
    topUp("requested", { request_id: "p0", correlation_id: "another", timestamp: "2025-01-01T00:00:00Z" }),
  );
  connection.send(topUp("requested", { correlation_id: command.command_id }));
  expect(await asked).toMatchObject({ request_id: "p1", status: "requested" });
  connection.send(
    topUp("session_created", { session_url: "https://pay.example/1", timestamp: "2026-01-01T00:00:09Z" }),
  );
  await eventually(() => expect(client.wallet.payment("p1")?.session_url).toBe("https://pay.example/1"));
  expect(client.wallet.payment("p1")?.requested_at).toBe("2026-01-01T00:00:00Z");
  connection.send(topUp("success"));
  await eventually(() => expect(statuses()).toEqual(["p1 success", "p0 requested"]));
  expect(moves).toEqual(["requested", "requested", "session_created", "success"]);
});

it("cancels a payment, which is open until it is told to be over", async () => {
  connection.send(topUp("session_created", { session_url: "https://pay.example/1" }));
  const cancelled = client.wallet.cancelTopUp("p1");
  const command = await connection.frame("wallet.command.cancel_top_up");
  expect(command.request_id).toBe("p1");
  connection.send(
    topUp("session_created", { session_url: "https://pay.example/1", correlation_id: command.command_id }),
  );
  expect(await cancelled).toMatchObject({ status: "session_created" });
  connection.send(topUp("expired", { error_message: "the payment was cancelled" }));
  await eventually(() => expect(statuses()).toEqual(["p1 expired"]));
});

it("takes nothing back that it knows, whatever the API read before", async () => {
  const moves = vi.fn();
  client.wallet.onPayment(moves);
  connection.send(topUp("success"));
  await eventually(() => expect(statuses()).toEqual(["p1 success"]));
  client.wallet.addPayments([
    kept("session_created"),
    kept("requested", { request_id: "p2", requested_at: "2027-01-01T00:00:00Z" }),
  ]);
  expect(statuses()).toEqual(["p2 requested", "p1 success"]);
  // What was paid after all is paid; what follows on that comes in any order.
  client.wallet.addPayments([kept("expired", { request_id: "p2" })]);
  client.wallet.addPayments([kept("success", { request_id: "p2" }), kept("failed", { request_id: "p2" })]);
  connection.send(topUp("disputed"));
  connection.send(topUp("refunded", { refunded_cents: 500 }));
  await eventually(() => expect(statuses()).toEqual(["p2 success", "p1 refunded"]));
  expect(client.wallet.payment("p1")?.refunded_cents).toBe(500);
  expect(moves).toHaveBeenCalledTimes(3);
});

it("does not take a payment's page back from a payer who is done there", async () => {
  const session_url = "https://pay.example/1";
  connection.send(topUp("session_created", { session_url }));
  connection.send(topUp("session_created"));
  await eventually(() => expect(client.wallet.payment("p1")?.session_url).toBeNull());
  client.wallet.addPayments([kept("session_created", { session_url })]);
  expect(client.wallet.payment("p1")?.session_url).toBeNull();
  client.wallet.addPayments([kept("failed")]);
  expect(statuses()).toEqual(["p1 failed"]);
});

it("knows the limits as they were set or told last", async () => {
  const changes = vi.fn();
  client.wallet.onChange(changes);
  expect(client.wallet.limits).toBeUndefined();
  const set = client.wallet.setDepositLimit("week", null);
  const command = await connection.frame("wallet.command.set_deposit_limit");
  expect(command).toMatchObject({ period: "week", amount_cents: null });
  const limits = [{ period: "week", amount_cents: 500, used_cents: 0, pending: { from: "2026-01-02T00:00:00Z" } }];
  connection.send({ type: "wallet.event.limits", event_id: "e1", correlation_id: command.command_id, limits });
  await set;
  expect(client.wallet.limits).toEqual({ limits, excluded_until: null });
  const excluded = client.wallet.excludeSelf(7);
  const exclude = await connection.frame("wallet.command.exclude_self");
  expect(exclude.days).toBe(7);
  connection.send({
    type: "games.event.error",
    command_id: exclude.command_id,
    code: "invalid_format",
    message: "`days`",
  });
  await expect(excluded).rejects.toMatchObject({ code: "invalid_format" });
  expect(changes).toHaveBeenCalledTimes(1);
});

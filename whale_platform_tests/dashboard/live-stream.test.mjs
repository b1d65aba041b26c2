import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LiveStream } from "../../whale_platform/dashboard/data/live-stream.js";
import { serve } from "./fake-api.mjs";

let sockets, said, stream;

class Socket {
  constructor(address, protocols) {
    if (protocols.some((one) => /[^\w.~-]/.test(one))) throw new SyntaxError("no such subprotocol");
    this.sent = [];
    sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text).subscribe);
  }

  take(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  close() {}
}

beforeEach(() => {
  [sockets, said] = [[], []];
  serve(() => ({ items: [] }));
  const store = new Map();
  const setItem = (name, value) => store.set(name, value);
  globalThis.sessionStorage = { getItem: (name) => store.get(name) ?? null, setItem };
  globalThis.location = { protocol: "http:", host: "page" };
  globalThis.WebSocket = Socket;
  const note = (name) => (...rest) => said.push([name, ...rest]);
  stream = new LiveStream({ message: note("message"), up: note("up"), down: note("down") });
});

afterEach(() => clearTimeout(stream.timer));

test("after a loss it subscribes with where it was", () => {
  stream.subscribe("whales", ["whales"]);
  stream.subscribe("windows", ["windows"]);
  stream.subscribe("tickers", ["tickers"]);
  stream.connect();
  sockets[0].take({ type: "hello", epoch: "e1", seq: 0 });
  sockets[0].take({ type: "whale", cursor: "c7", seq: 3 });
  sockets[0].take({ type: "windows", seq: 4, windows: [] });
  sockets[0].take({ type: "trades", seq: 5, trades: [] });
  sockets[0].onclose();
  stream.connect();
  sockets[1].take({ type: "hello", epoch: "e1", seq: 9 });
  const tickers = { topics: ["tickers"] };
  assert.deepEqual(sockets[0].sent, [{ topics: ["whales"] }, { topics: ["windows"] }, tickers]);
  const windows = { topics: ["windows"], since: { epoch: "e1", seq: 4 } };
  assert.deepEqual(sockets[1].sent, [{ topics: ["whales"], cursor: "c7" }, windows, tickers]);
  assert.deepEqual(said.map(([name]) => name), ["up", "message", "message", "message", "down", "up"]);
});

test("each topic is resumed from its own last message, a heartbeat being one of all", () => {
  stream.subscribe("tickers", ["tickers"]);
  stream.subscribe("shown", ["windows", "trades"]);
  stream.connect();
  sockets[0].take({ type: "hello", epoch: "e1", seq: 0 });
  sockets[0].take({ type: "heartbeat", seq: 3 });
  sockets[0].take({ type: "tickers", seq: 9, tickers: [] });
  sockets[0].onclose();
  stream.connect();
  sockets[1].take({ type: "hello", epoch: "e2", seq: 1 });
  const since = sockets[1].sent.map((wanted) => wanted.since);
  assert.deepEqual(since, [{ epoch: "e1", seq: 9 }, { epoch: "e1", seq: 3 }]);
  sockets[1].take({ type: "tickers", seq: 2, tickers: [] });
  sockets[1].onclose();
  stream.connect();
  sockets[2].take({ type: "hello", epoch: "e2", seq: 5 });
  assert.deepEqual(sockets[2].sent[0].since, { epoch: "e2", seq: 2 }, "the numbers of another server are others");
});

test("another market's subscription does not begin where the one before it was", () => {
  stream.subscribe("shown", ["windows", "trades"], { symbols: ["A"] });
  stream.connect();
  sockets[0].take({ type: "hello", epoch: "e1", seq: 0 });
  sockets[0].take({ type: "windows", seq: 4, windows: [] });
  stream.subscribe("shown", ["windows", "trades"], { symbols: ["B"] });
  assert.deepEqual(sockets[0].sent.at(-1), { topics: ["windows", "trades"], symbols: ["B"] });
});

test("a silent socket is lost since its last message", () => {
  stream.connect();
  sockets[0].take({ type: "hello", epoch: "e1", seq: 0 });
  stream.heard -= 45_000;
  stream.dropIfSilent();
  const [name, since] = said.at(-1);
  assert.equal(name, "down");
  assert.ok(Math.abs(Date.now() - 45_000 - since) < 2_000);
});

test("a key that no socket takes is a loss like any other", () => {
  sessionStorage.setItem("whale.key", "schlüssel");
  stream.connect();
  assert.equal(said.at(-1)[0], "down");
});

test("a cursor that the server no longer has is a gap", () => {
  stream.subscribe("whales", ["whales"]);
  stream.connect();
  sockets[0].take({ type: "hello", epoch: "e1", seq: 0 });
  sockets[0].take({ type: "whale", cursor: "c7", seq: 3 });
  sockets[0].take({ type: "error", message: "unknown cursor" });
  assert.equal(said.at(-1)[1].type, "gap");
  assert.deepEqual(sockets[0].sent.at(-1), { topics: ["whales"] });
});

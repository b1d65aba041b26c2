// The socket to /stream: subscribes, and comes back after every loss with where it was (`cursor` for whales, `since` for
// windows), so that the server sends what was missed. Waits 0.5 s to 15 s between attempts, with jitter, so that many
// pages do not come back in one instant. A socket that is silent for 40 s (the server's heartbeat is 15 s) counts as lost,
// from its last message on.

import { apiKey, get } from "./api.js";

const SILENT_MS = 40_000;
const SLOWEST_MS = 15_000;

export class LiveStream {
  /** on: message(m), up(), down(since ms, retry in ms). */
  constructor(on) {
    this.on = on;
    this.wanted = new Map();
    this.cursor = "";
    this.epoch = this.next = "";
    this.seq = 0;
    this.tries = 0;
    this.up = false;
    this.lostAt = Date.now();
    this.heard = performance.now();
    this.timer = 0;
  }

  start() {
    setInterval(() => this.watch(), 5_000);
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => !document.hidden && this.now());
    this.connect();
  }

  /** From now on these topics with this filter; replaces what was wanted of them. */
  subscribe(name, topics, filter = {}) {
    this.wanted.set(name, { topics, ...filter });
    if (this.up) this.send(this.wanted.get(name));
  }

  now() {
    if (!this.socket && !this.up) {
      clearTimeout(this.timer);
      this.connect();
    }
  }

  connect() {
    const key = apiKey();
    const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/stream`;
    this.heard = performance.now();
    let socket;
    try {
      socket = new WebSocket(address, key ? ["whale", `whale.key.${key}`] : ["whale"]);
    } catch {
      return this.lost(); // the key has characters that no subprotocol may have
    }
    this.socket = socket;
    socket.onmessage = (event) => this.socket === socket && this.take(JSON.parse(event.data));
    socket.onclose = () => this.socket === socket && this.lost();
  }

  send(wanted) {
    const said = { ...wanted };
    if (said.topics.includes("whales") && this.cursor) said.cursor = this.cursor;
    if (said.topics.includes("windows") && this.epoch) said.since = { epoch: this.epoch, seq: this.seq };
    this.socket.send(JSON.stringify({ subscribe: said }));
  }

  take(message) {
    this.heard = performance.now();
    if (message.type === "hello") {
      this.up = true;
      for (const wanted of this.wanted.values()) this.send(wanted);
      this.next = message.epoch;
      this.on.up();
      return;
    }
    if (["windows", "trades", "heartbeat"].includes(message.type)) {
      // Only now: what was missed has come before these, or will be asked for again.
      this.seq = this.epoch === this.next ? Math.max(this.seq, message.seq) : message.seq;
      this.epoch = this.next;
    }
    if (message.type === "subscribed") this.tries = 0;
    if (message.type === "error" && this.cursor && /cursor/.test(message.message)) {
      this.cursor = "";
      for (const wanted of this.wanted.values()) if (wanted.topics.includes("whales")) this.send(wanted);
      message = { type: "gap", topic: "whales", reason: message.message, since: null };
    }
    this.on.message(message);
    if (message.cursor) this.cursor = message.cursor;
  }

  watch() {
    if (this.socket && performance.now() - this.heard > SILENT_MS) {
      const socket = this.socket;
      this.lost();
      socket.close();
    }
  }

  lost() {
    this.socket = null;
    if (this.up) this.lostAt = Date.now() - (performance.now() - this.heard);
    const never = !this.up;
    this.up = false;
    const wait = Math.min(SLOWEST_MS, 500 * 2 ** Math.min(this.tries, 6)) * (0.5 + Math.random() / 2);
    this.tries += 1;
    this.timer = setTimeout(() => this.connect(), wait);
    this.on.down(this.lostAt, wait);
    if (never && this.tries <= 2) get("/symbols").catch(() => {}); // a refused key shows here, not on a socket
  }
}

// The socket to /stream: subscribes, and comes back after every loss with where it was (`cursor` for whales, `since`
// for windows and tickers), so that the server sends what was missed. Waits 0.5 s to 15 s between attempts, with
// jitter, so that many pages do not come back in one instant. A socket that is silent for 40 s (the server's heartbeat
// is 15 s) counts as lost, from its last message on.

import { apiKey } from "./api-key.js";
import { get } from "./api.js";

/** @import { Message } from "./messages.d.ts" */

/**
 * @typedef {object} Handlers
 * @property {(message: Message) => void} message
 * @property {() => void} up
 * @property {(since: number, retryIn: number) => void} down Epoch ms of the loss, ms to the next attempt.
 *
 * @typedef {{ topics: string[], symbols?: string[], exchanges?: string[] }} Subscription
 */

const RESUMED = ["windows", "tickers"]; // by `since`; a subscription without it begins with what the server has
const SILENT_MS = 40_000;
const SLOWEST_MS = 15_000;

export class LiveStream {
  #handlers;
  /** @type {Map<string, Subscription>} */
  #wanted = new Map();
  #epoch = ""; // of this connection
  /** @type {Map<string, { epoch: string, seq: number }>} Up to where everything of a topic has come. */
  #since = new Map();
  #tries = 0;
  #up = false;
  #lostAt = Date.now();
  /** @type {WebSocket | null} */
  #socket = null;
  cursor = "";
  heard = performance.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  start() {
    setInterval(() => this.dropIfSilent(), 5_000);
    addEventListener("online", () => this.connectNow());
    document.addEventListener("visibilitychange", () => !document.hidden && this.connectNow());
    this.connect();
  }

  /**
   * From now on these topics with this filter; replaces what was wanted under the name.
   *
   * @param {string} name
   * @param {string[]} topics
   * @param {Omit<Subscription, "topics">} [filter]
   */
  subscribe(name, topics, filter = {}) {
    const wanted = { topics, ...filter };
    this.#wanted.set(name, wanted);
    for (const topic of topics) this.#since.delete(topic);
    if (this.#up) this.#send(wanted);
  }

  /** Connect now rather than after the wait. */
  connectNow() {
    if (!this.#socket && !this.#up) {
      clearTimeout(this.timer);
      this.connect();
    }
  }

  connect() {
    const key = apiKey();
    const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/stream`;
    this.heard = performance.now();
    /** @type {WebSocket} */
    let socket;
    try {
      socket = new WebSocket(address, key ? ["whale", `whale.key.${key}`] : ["whale"]);
    } catch {
      this.#lost(); // the key has characters that no subprotocol may have
      return;
    }
    this.#socket = socket;
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#receive(JSON.parse(event.data));
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  /** @param {Subscription} wanted */
  #send(wanted) {
    /** @type {Subscription & { cursor?: string, since?: object }} */
    const said = { ...wanted };
    if (said.topics.includes("whales") && this.cursor) said.cursor = this.cursor;
    const since = said.topics.map((topic) => this.#since.get(topic)).find(Boolean);
    if (since) said.since = since;
    this.#socket?.send(JSON.stringify({ subscribe: said }));
  }

  /** @param {Message} message */
  #receive(message) {
    this.heard = performance.now();
    if (message.type === "hello") {
      this.#up = true;
      for (const wanted of this.#wanted.values()) this.#send(wanted);
      this.#epoch = message.epoch;
      this.#handlers.up();
      return;
    }
    if (message.type === "heartbeat") RESUMED.forEach((topic) => this.#note(topic, message));
    else if (RESUMED.includes(message.type)) this.#note(message.type, message);
    if (message.type === "subscribed") this.#tries = 0;
    if (message.type === "error" && this.cursor && /cursor/.test(message.message)) {
      this.cursor = "";
      for (const wanted of this.#wanted.values()) if (wanted.topics.includes("whales")) this.#send(wanted);
      message = { type: "gap", topic: "whales", reason: message.message, since: null };
    }
    this.#handlers.message(message);
    if ("cursor" in message && message.cursor) this.cursor = message.cursor;
  }

  /**
   * Everything of a topic up to this message has come: what was missed comes before it, or is asked for again.
   *
   * @param {string} topic
   * @param {any} message
   */
  #note(topic, { seq }) {
    const held = this.#since.get(topic);
    const before = held?.epoch === this.#epoch ? held.seq : 0;
    this.#since.set(topic, { epoch: this.#epoch, seq: Math.max(before, seq) });
  }

  /** Give up a socket that is silent. */
  dropIfSilent() {
    if (this.#socket && performance.now() - this.heard > SILENT_MS) {
      const socket = this.#socket;
      this.#lost();
      socket.close();
    }
  }

  #lost() {
    this.#socket = null;
    if (this.#up) this.#lostAt = Date.now() - (performance.now() - this.heard);
    const never = !this.#up;
    this.#up = false;
    const wait = Math.min(SLOWEST_MS, 500 * 2 ** Math.min(this.#tries, 6)) * (0.5 + Math.random() / 2);
    this.#tries += 1;
    this.timer = setTimeout(() => this.connect(), wait);
    this.#handlers.down(this.#lostAt, wait);
    if (never && this.#tries <= 2) get("/symbols").catch(() => {}); // a refused key shows here, not on a socket
  }
}

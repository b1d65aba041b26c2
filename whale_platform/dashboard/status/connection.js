// Whether what is shown is live, and if not, since when and why. Three things may stop: the connection to the server,
// something behind the server (it says what), or the first data may not have come yet. What counts seconds stands
// beside what is spoken, so that a screen reader tells a state once.

import { age, clock } from "../lib/format.js";

/** @import { StatusMessage } from "../data/messages.d.ts" */

/**
 * @typedef {object} ConnectionState
 * @property {"live" | "stale" | "wait" | "down" | "locked"} name
 * @property {string} text What is spoken; "" where all is well.
 * @property {string} [count] What counts seconds.
 * @property {"key" | "reconnect"} [action] What a button does about it.
 *
 * @typedef {object} Loss
 * @property {number} since Epoch ms; 0 where there was no connection yet.
 * @property {number} at The same by the steady clock.
 * @property {number} retryAt When the next attempt is, by the steady clock.
 */

export class Connection {
  /** @type {Loss | null} Null: it stands. */
  #down = { since: 0, at: performance.now(), retryAt: 0 };
  /** @type {StatusMessage | null} */
  status = null;

  /** It stands. */
  markUp() {
    this.#down = null;
  }

  /** It is lost. @param {number} since Epoch ms; 0 where there was none yet. @param {number} retryIn ms */
  markDown(since, retryIn) {
    const at = performance.now() - (since ? Date.now() - since : 0);
    this.#down = { since, at: this.#down?.at ?? at, retryAt: performance.now() + retryIn };
  }

  /** @param {boolean} locked Whether a key is wanted. @returns {ConnectionState} */
  state(locked) {
    if (locked) return { name: "locked", text: "This server wants a key.", action: "key" };
    if (this.#down) return this.#downState(this.#down);
    const { stale, reason, feed, detail } = this.status ?? {};
    if (stale) return { name: "stale", text: `Old data: ${reason ?? "the server does not say why"}` };
    if (feed === "waiting") return { name: "wait", text: `Waiting for Kafka: ${detail || "starting"}` };
    return { name: "live", text: "" };
  }

  /** @param {Loss} loss @returns {ConnectionState} */
  #downState({ since, at, retryAt }) {
    const seconds = (performance.now() - at) / 1000;
    const wait = Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
    const trying = `Trying again${wait ? ` in ${wait} s` : " now"}.`;
    if (!since && seconds < 2) return { name: "wait", text: "" };
    if (!since) return { name: "down", text: "The server does not answer.", count: trying, action: "reconnect" };
    const text = `The server is gone since ${clock(since / 1000, "time")}: what you see is from then.`;
    return { name: "down", text, count: `${age(seconds)} ago. ${trying}`, action: "reconnect" };
  }
}

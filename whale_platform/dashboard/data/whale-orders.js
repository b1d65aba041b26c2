// Whales as orders, each once: a sweep comes again when it has more fills, and takes in the single trades that are its
// fills, whichever of them comes first. The same rule as the server's view `whale_orders`.

import { keyOf } from "../lib/format.js";

/** @import { Whale } from "./messages.d.ts" */

/** All fills of a sweep have its time. @param {Whale} whale */
const placeOf = (whale) => `${whale.exchange}/${whale.symbol}/${whale.event_time}`;

/** Whether `whale` is a fill of `sweep`, of the same market and time. @param {Whale} whale @param {Whale} sweep */
function isFill(whale, sweep) {
  const last = sweep.kind === "sweep" ? (sweep.last_trade_id ?? sweep.trade_id) : -1;
  return whale.kind === "single_trade" && sweep.trade_id <= whale.trade_id && whale.trade_id <= last;
}

export class WhaleOrders {
  /** @type {Map<string, Whale>} */
  #whales = new Map();
  /** @type {Map<string, Whale[]>} Those of one market and time. */
  #places = new Map();

  get size() {
    return this.#whales.size;
  }

  /** @param {string} key */
  has(key) {
    return this.#whales.has(key);
  }

  /**
   * Take a whale. Null where it is known as it is, or is a fill of a sweep that is here; else what it replaces: an
   * earlier state of itself, or the fills that are part of it now.
   *
   * @param {Whale} whale
   * @returns {Whale[] | null}
   */
  add(whale) {
    const beside = this.#places.get(placeOf(whale)) ?? [];
    const key = keyOf(whale);
    const held = this.#whales.get(key);
    if (held && (held.fills ?? 0) >= (whale.fills ?? 0)) return null;
    if (beside.some((other) => isFill(whale, other))) return null;
    const replaced = beside.filter((other) => other === held || isFill(other, whale));
    for (const gone of replaced) this.#whales.delete(keyOf(gone));
    this.#whales.set(key, whale);
    this.#places.set(placeOf(whale), [...beside.filter((other) => !replaced.includes(other)), whale]);
    return replaced;
  }

  /** @param {Whale} whale One that is here. */
  delete(whale) {
    this.#whales.delete(keyOf(whale));
    const rest = (this.#places.get(placeOf(whale)) ?? []).filter((other) => other !== whale);
    if (rest.length) this.#places.set(placeOf(whale), rest);
    else this.#places.delete(placeOf(whale));
  }

  clear() {
    this.#whales.clear();
    this.#places.clear();
  }
}

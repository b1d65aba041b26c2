// Whales as orders, each once: a sweep comes again when it has more fills, and takes in the single trades that are its
// fills, whichever of them comes first. The same rule as the server's view `whale_orders`.

import { keyOf } from "../lib/format.js";

/** @import { Whale } from "./messages.d.ts" */

/** The order of a whale, by the id of its first trade. @param {Whale} whale */
const orderOf = (whale) => `${whale.exchange}/${whale.symbol}/${whale.sweep_first_id ?? whale.trade_id}`;

/** Whether `whale` is a fill of `sweep`, of the same order. @param {Whale} whale @param {Whale} sweep */
const isFill = (whale, sweep) => whale.kind === "single_trade" && sweep.kind === "sweep";

export class WhaleOrders {
  /** @type {Map<string, Whale>} */
  #whales = new Map();
  /** @type {Map<string, Whale[]>} Those of one order. */
  #orders = new Map();

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
    const beside = this.#orders.get(orderOf(whale)) ?? [];
    const key = keyOf(whale);
    const held = this.#whales.get(key);
    if (held && (held.fills ?? 0) >= (whale.fills ?? 0)) return null;
    if (beside.some((other) => isFill(whale, other))) return null;
    const replaced = beside.filter((other) => other === held || isFill(other, whale));
    for (const gone of replaced) this.#whales.delete(keyOf(gone));
    this.#whales.set(key, whale);
    this.#orders.set(orderOf(whale), [...beside.filter((other) => !replaced.includes(other)), whale]);
    return replaced;
  }

  /** @param {Whale} whale One that is here. */
  delete(whale) {
    this.#whales.delete(keyOf(whale));
    const rest = (this.#orders.get(orderOf(whale)) ?? []).filter((other) => other !== whale);
    if (rest.length) this.#orders.set(orderOf(whale), rest);
    else this.#orders.delete(orderOf(whale));
  }

  clear() {
    this.#whales.clear();
    this.#orders.clear();
  }
}

// Tells screen readers of the newest whale, at most every ten seconds, with how many more there were meanwhile.

import { setText } from "../lib/dom.js";
import { kindName, tier, usd } from "../lib/format.js";

/** @import { Whale } from "../data/messages.d.ts" */

const APART_MS = 10_000;

export class News {
  #node;
  #told = 0; // when, by the steady clock
  /** @type {{ whale: Whale, more: number } | null} What is told next. */
  #held = null;

  /** @param {HTMLElement} node A live region. */
  constructor(node) {
    this.#node = node;
  }

  /** @param {Whale} whale */
  announce(whale) {
    if (this.#held) {
      this.#held = { whale, more: this.#held.more + 1 };
      return;
    }
    this.#held = { whale, more: 0 };
    setTimeout(() => this.#say(), Math.max(0, this.#told + APART_MS - performance.now()));
  }

  #say() {
    if (!this.#held) return;
    const { whale, more } = this.#held;
    this.#held = null;
    this.#told = performance.now();
    const kind = whale.kind === "single_trade" ? "" : `, ${kindName(whale)}`;
    const sum = `${tier(whale).name}${kind}: taker ${whale.side} ${usd(whale.notional_usd)}`;
    setText(this.#node, `${sum} ${whale.symbol} on ${whale.exchange}${more ? `, and ${more} more` : ""}`);
  }
}

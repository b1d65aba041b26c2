// The whales of the tape: newest first, each once, at most 500. Live whales come in any order and maybe twice; pages
// of the API fill what the filter asks for. The last few hundred of the stream are kept whatever the filter, because the
// tables are written moments after it has spoken, and a changed filter must not lose those. A page that failed is told by
// `state` and asked for again by `again`.

import { get } from "./api.js";
import { keyOf } from "../lib/format.js";
import { isMarket, view } from "./url-state.js";

const MOST = 500;
const RECENT = 300;
const PAGE = 150;

const at = (whale) => (whale.at ??= Date.parse(whale.event_time));
const before = (a, b) => at(b) - at(a) || b.trade_id - a.trade_id;

export class WhaleTape {
  constructor() {
    this.rows = [];
    this.keys = new Set();
    this.recent = [];
    this.cursor = null; // of the next page back; null: none
    this.state = "loading";
    this.error = "";
    this.failed = ""; // cursor of the page that failed
    this.turn = 0;
  }

  /** Whether the filter lets it pass. */
  fits(whale) {
    if (view.tape === "this" ? !isMarket(whale) : view.on && whale.exchange !== view.on) return false;
    return (!view.side || whale.side === view.side) && Number(whale.notional_usd) >= view.min;
  }

  /** The filter as parameters of the API. */
  asked() {
    const names = view.tape === "this" ? { exchange: view.exchange, symbol: view.symbol } : { exchange: view.on };
    return { ...names, side: view.side, min_notional: view.min ? String(view.min) : "" };
  }

  /** A live whale; whether it is new here. */
  live(whale) {
    if (this.recent.length >= 2 * RECENT) this.recent.splice(0, RECENT);
    this.recent.push(whale);
    return this.fits(whale) && this.add(whale);
  }

  add(whale) {
    const key = keyOf(whale);
    if (this.keys.has(key)) return false;
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(this.rows[middle], whale) < 0) low = middle + 1;
      else high = middle;
    }
    if (low >= MOST) return false;
    this.rows.splice(low, 0, whale);
    this.keys.add(key);
    if (this.rows.length > MOST) {
      this.keys.delete(keyOf(this.rows.pop()));
      this.cursor = null;
    }
    return true;
  }

  /** The filter has changed: what is here and fits stays, the rest is fetched. */
  refilter() {
    const kept = [...this.rows, ...this.recent].filter((whale) => this.fits(whale));
    this.rows = [];
    this.keys.clear();
    this.cursor = null;
    for (const whale of kept) this.add(whale);
    return this.fill();
  }

  /** Everything anew: what is shown may have been taken back. */
  reload() {
    this.recent = [];
    this.rows = [];
    return this.refilter();
  }

  /** The newest page; where more follow it, what is older than it goes, so that there is no hole between. */
  fill() {
    this.turn += 1;
    return this.page("", true);
  }

  /** The newest page once more: the tables may have been a moment behind the stream. */
  topUp() {
    return this.page("", false);
  }

  /** The page that failed, unless something else was asked for since. */
  again() {
    return this.state === "failed" ? this.page(this.failed, true) : Promise.resolve();
  }

  /** Whether there is one more page back, and room for it, and none is on its way. */
  get ready() {
    return Boolean(this.cursor) && this.state !== "loading";
  }

  /** One more page back. */
  more() {
    return this.page(this.cursor, true);
  }

  async page(cursor, back) {
    const mine = this.turn;
    if (back) this.state = "loading";
    try {
      const page = await get("/whales", { ...this.asked(), limit: PAGE, cursor });
      if (mine !== this.turn) return;
      if (back && page.next) {
        const last = page.items.at(-1);
        for (const whale of this.rows.splice(this.rows.findLastIndex((one) => before(one, last) <= 0) + 1)) {
          this.keys.delete(keyOf(whale));
        }
      }
      for (const whale of page.items) this.add(whale);
      if (back) {
        this.cursor = this.rows.length < MOST ? page.next : null;
        this.state = "ready";
      }
    } catch (error) {
      if (mine !== this.turn || !back) return;
      this.state = "failed";
      this.error = error.message;
      this.failed = cursor;
    }
  }
}

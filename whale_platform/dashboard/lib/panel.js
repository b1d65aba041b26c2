// What a panel is, how the page starts its panels and how it tells them what has happened.
//
// A panel is made for one element of the page, its root, and owns its state: a second element of the same kind gets a
// second panel. It looks for its parts inside its root alone (`partsOf`) and has a method for each event that concerns
// it; the others it leaves out. A panel that fails to start is reported in the console and told nothing; one that fails
// on an event is reported too. Neither keeps the others from working.
//
// To add one: a folder with its module and its styles, an element with `data-panel="its name"` in index.html, and a
// line in the table of main.js. What it needs beside its root and the events (the markets, say) its constructor takes.

/**
 * @import { Market } from "../data/market-catalogue.js"
 * @import { Gap, StatusMessage, TradeSample, TradeWindow, Whale } from "../data/messages.d.ts"
 *
 * @typedef {object} Panel
 * @property {() => void} start Draw what is there, load what is not, listen to the reader. Called once.
 * @property {(windows: TradeWindow[]) => void} [onWindows] Live one-minute windows, of the market in sight.
 * @property {(markets: Market[]) => void} [onPrices] These markets have another price, or one of another minute.
 * @property {(trades: TradeSample[]) => void} [onTrades] Live samples of trades, of the market in sight.
 * @property {(whale: Whale) => void} [onWhale] A live whale, of any market.
 * @property {(status: StatusMessage) => void} [onStatus] The state of the platform, once a second.
 * @property {(gap: Gap) => void} [onGap] Messages of a topic were lost and have to be fetched.
 * @property {(resumed: boolean) => void} [onConnect] The connection stands; `resumed`: the missed whales follow.
 * @property {() => void} [onReconnect] It stands after a loss or a failed attempt; anything else may be missing.
 * @property {(since: number, retryIn: number) => void} [onDisconnect] It was lost at `since`, epoch ms, 0 where there
 *   has been none yet; the next attempt is in `retryIn` ms.
 * @property {(whales: Whale[]) => void} [onPick] The reader has picked these whales, behind one marker.
 * @property {() => void} [onVisible] The panel may have come into sight: hidden panels are not drawn.
 * @property {() => void} [onZone] Times are told in another zone from now on.
 */

/** @typedef {Exclude<keyof Panel, "start">} PanelEvent */

/**
 * The parts of a panel by their `data-part`. A part belongs to the nearest panel around it, so panels may be nested.
 *
 * @param {Element} root
 * @returns {Record<string, any>}
 */
export function partsOf(root) {
  /** @type {Record<string, any>} */
  const parts = {};
  for (const node of root.querySelectorAll("[data-part]")) {
    if (node.closest("[data-panel]") === root) parts[node.getAttribute("data-part") ?? ""] = node;
  }
  return parts;
}

/**
 * Run `work`; an error is reported in the console.
 *
 * @param {() => void} work
 * @returns {boolean} Whether it went well.
 */
export function attempt(work) {
  try {
    work();
    return true;
  } catch (error) {
    console.error(error);
    return false;
  }
}

/** The panels of a page. */
export class Panels {
  /** @type {Panel[]} */
  #started = [];

  /**
   * Start a panel for each element with `data-panel`, kind by kind in the order of `kinds`.
   *
   * @param {ParentNode} page
   * @param {Record<string, (root: HTMLElement) => Panel>} kinds How a panel of each kind is made.
   */
  start(page, kinds) {
    for (const [kind, make] of Object.entries(kinds)) {
      for (const root of page.querySelectorAll(`[data-panel="${kind}"]`)) {
        attempt(() => {
          const panel = make(/** @type {HTMLElement} */ (root));
          panel.start();
          this.#started.push(panel);
        });
      }
    }
  }

  /**
   * Tell every panel that has a method for it.
   *
   * @template {PanelEvent} E
   * @param {E} event
   * @param {Parameters<NonNullable<Panel[E]>>} facts
   */
  tell(event, ...facts) {
    for (const panel of this.#started) attempt(() => /** @type {any} */ (panel)[event]?.(...facts));
  }
}

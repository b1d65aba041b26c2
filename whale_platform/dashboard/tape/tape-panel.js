// The tape on the page: rows, filters, new ones while one reads further down, sound and spoken news. Draws once a frame
// what the WhaleTape holds; rows are made once per whale and moved, filled again in place where a sweep grows or takes
// in its fills, and made again only where their time is told in another way. What can't be loaded is tried again by a
// timer and once the server is back.

import { element, isVisible, oncePerFrame, reorderChildren, setText } from "../lib/dom.js";
import { keyOf, timesOf, usd } from "../lib/format.js";
import { keyboardList } from "../lib/keyboard-list.js";
import { partsOf } from "../lib/panel.js";
import { Retry } from "../lib/retry.js";
import { play } from "../lib/sound.js";
import { onView, setView, view } from "../data/url-state.js";
import { FILTERS, TIERS, exchangeChoices, filterChanged } from "../data/whale-filter.js";
import { WhaleTape } from "../data/whale-tape.js";
import { isOld, updateWhaleRow, whaleRow } from "../whale/whale-row.js";

/** @import { MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { Gap, StatusMessage, Whale } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */
/** @import { News } from "../page/news.js" */

const NEWS_MS = 120_000; // an older whale is no news
const TOP = 40; // px from the top that one may have scrolled and still sees what is new
const NEXT = 400; // px before the end at which the next page is fetched
const TOP_UPS_MS = [4_000, 30_000]; // after the start: the tables may be a moment behind the stream
const AGE_MS = 3_600_000;

/** @implements {Panel} */
export class TapePanel {
  #root;
  #parts;
  #markets;
  #list;
  #news;
  #tape = new WhaleTape();
  /** @type {Map<string, HTMLElement>} The rows by their whale's key. */
  #rows = new Map();
  /** @type {WeakMap<HTMLElement, Whale>} What a row shows. */
  #shown = new WeakMap();
  /** @type {string[]} Names of the exchanges that are ingested, those of blocks alone among them. */
  #ingested = [];
  #unseen = 0;
  #draw = oncePerFrame(() => this.#render());
  #retry = new Retry(() => this.#after(this.#tape.retry()));

  /** @param {HTMLElement} root @param {MarketCatalogue} markets @param {News} news Told of what is new. */
  constructor(root, markets, news) {
    this.#root = root;
    this.#parts = partsOf(root);
    this.#markets = markets;
    this.#list = keyboardList(this.#parts.body, (row) => setView({ whale: row.dataset.whale }));
    this.#news = news;
  }

  start() {
    this.#listenToFilters();
    this.#listenToMarkets();
    onView((changed) => {
      this.#showFilters();
      if (filterChanged(changed)) {
        this.#unseen = 0;
        this.#parts.scroll.scrollTop = 0;
        this.#after(this.#tape.refilter());
      }
    });
    this.#parts.scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#parts.new.addEventListener("click", () => (this.#parts.scroll.scrollTop = 0));
    this.#showFilters();
    this.#after(this.#tape.fill());
    for (const wait of TOP_UPS_MS) setTimeout(() => this.#tape.topUp().then(this.#draw), wait);
    setInterval(() => this.#remakeOld(), AGE_MS);
  }

  /** @param {Whale} whale */
  onWhale(whale) {
    const replaced = this.#tape.addLive(whale);
    if (!replaced) return;
    if (this.#parts.scroll.scrollTop > TOP && !replaced.length) this.#unseen += 1;
    this.#passOn(replaced, whale);
    const before = Math.max(-1, ...replaced.map((other) => TIERS.indexOf(other.tier)));
    const larger = TIERS.indexOf(whale.tier) > before;
    if (larger && Date.now() - Date.parse(whale.detected_time) < NEWS_MS) {
      this.#news.announce(whale);
      play(whale.side, timesOf(whale));
    }
    this.#draw();
  }

  /** @param {StatusMessage} status */
  onStatus({ exchanges }) {
    const names = exchanges?.map(({ exchange }) => exchange) ?? this.#ingested;
    if (String(names) === String(this.#ingested)) return;
    this.#ingested = names;
    this.#showFilters();
  }

  /** @param {Gap} gap */
  onGap(gap) {
    if (gap.topic !== "whales") return;
    this.#after(gap.reason.includes("taken back") ? this.#tape.reload() : this.#tape.fill());
  }

  /** @param {boolean} resumed */
  onConnect(resumed) {
    if (!resumed || this.#tape.state === "failed") this.#after(this.#tape.fill());
  }

  onVisible() {
    this.#draw();
  }

  onZone() {
    this.#rerenderRows();
  }

  #listenToFilters() {
    for (const field of FILTERS) {
      const select = this.#parts[field];
      const value = () => (field === "min" ? Number(select.value) : select.value);
      select.addEventListener("change", () => setView({ [field]: value() }));
    }
  }

  #listenToMarkets() {
    let known = false;
    this.#markets.onLoad(() => {
      this.#showFilters();
      if (!known) this.#rerenderRows(); // with the decimals of their prices
      known = this.#markets.exchanges().length > 0;
    });
  }

  #scrolled() {
    const { scroll } = this.#parts;
    if (scroll.scrollTop < TOP && this.#unseen) {
      this.#unseen = 0;
      this.#draw();
    }
    const end = scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - NEXT;
    if (end && this.#tape.ready) this.#after(this.#tape.loadMore());
  }

  /** Draw now and once the page is there. @param {Promise<void>} page */
  async #after(page) {
    this.#draw();
    await page;
    this.#draw();
    if (this.#tape.state === "failed") this.#retry.schedule();
    else this.#retry.reset();
  }

  #render() {
    if (!isVisible(this.#root)) return;
    const { cursor, keys, rows } = this.#tape;
    for (const key of this.#rows.keys()) if (!keys.has(key)) this.#rows.delete(key);
    reorderChildren(this.#parts.body, rows.map((whale) => this.#rowOf(whale)));
    this.#list.settle();
    setText(this.#parts.count, rows.length ? `${rows.length}${cursor ? "+" : ""} shown` : "");
    setText(this.#parts.empty, this.#message());
    setText(this.#parts.new, `▲ ${this.#unseen} new`);
    this.#parts.new.hidden = !this.#unseen;
  }

  /** @param {Whale} whale */
  #rowOf(whale) {
    const key = keyOf(whale);
    let row = this.#rows.get(key);
    if (row && this.#shown.get(row) === whale) return row;
    const digits = this.#markets.digitsOf(whale);
    if (row) updateWhaleRow(row, whale, digits);
    else this.#rows.set(key, (row = whaleRow(whale, digits)));
    this.#shown.set(row, whale);
    return row;
  }

  /**
   * The row of a trade that is a fill of a sweep becomes the sweep's.
   *
   * @param {Whale[]} replaced
   * @param {Whale} whale
   */
  #passOn(replaced, whale) {
    for (const other of replaced) {
      const row = this.#rows.get(keyOf(other));
      if (!row) continue;
      this.#rows.delete(keyOf(other));
      this.#rows.set(keyOf(whale), row);
    }
  }

  #message() {
    const { error, rows, state } = this.#tape;
    if (state === "failed") return `Whales can't be loaded: ${error}. It is tried again.`;
    if (state === "loading") return rows.length ? "" : "Loading whales…";
    if (rows.length) return "";
    const filtered = view.tape === "this" || view.on || view.kind || view.tier || view.side || view.min;
    return filtered
      ? "No whale fits these filters."
      : "No whale yet. One appears with the first order over its symbol's threshold.";
  }

  #rerenderRows() {
    this.#rows.clear();
    this.#draw();
  }

  /** Rows that have come of age since they were made tell their day from now on. */
  #remakeOld() {
    for (const whale of this.#tape.rows) {
      const key = keyOf(whale);
      if (isOld(whale) && this.#rows.get(key)?.querySelector(".row:not(.old)")) this.#rows.delete(key);
    }
    this.#draw();
  }

  #showFilters() {
    const { on, min } = this.#parts;
    const names = exchangeChoices([...new Set([...this.#markets.exchanges(), ...this.#ingested])].sort());
    const options = names.map((name) => element("option", { value: name, text: name }));
    on.replaceChildren(element("option", { value: "", text: "All exchanges" }), ...options);
    if (![...min.options].some((option) => Number(option.value) === view.min)) {
      min.append(element("option", { value: view.min, text: `≥ ${usd(view.min)}` }));
    }
    for (const field of FILTERS) this.#parts[field].value = String(view[field]);
    on.disabled = view.tape === "this";
  }
}

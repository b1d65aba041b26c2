// The dialog about one whale, or about the whales behind one marker. Which whale is open stands in the address, so that
// it can be shared and the browser's back closes it. A sweep that grows while it is open is fetched again, and a whale
// while prices after it are still to come. A whale that is not known, or an unavailable server, is said in it.

import { element, makeClosable, setText, throttle } from "../lib/dom.js";
import { SIDE, kindName, quantity, usd } from "../lib/format.js";
import { keyboardList } from "../lib/keyboard-list.js";
import { partsOf } from "../lib/panel.js";
import { ApiError, get } from "../data/api.js";
import { link, onView, setView, view } from "../data/url-state.js";
import { clusterPart } from "./cluster-part.js";
import { isToCome, measuresPart } from "./measures-part.js";
import { orderPart } from "./order-part.js";
import { aroundPart, hourPart, lineagePart, pricePart, windowPart } from "./whale-parts.js";
import { pathOf, whaleHead, whaleRow } from "./whale-row.js";

/** @import { MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { StatusMessage, Whale } from "../data/messages.d.ts" */
/** @import { WhaleContext } from "../data/whale-context.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

const MOST = 200; // whales of one marker
const REFRESH_MS = 1_000;
const LOOK_AGAIN_MS = 30_000; // a price is stored a minute or two after its moment
const UNKNOWN = "This whale is not known here: it may be older than what is kept.";

/**
 * The address of a whale and its parameters.
 *
 * @param {string} path Exchange, symbol, trade id and, maybe, kind.
 * @param {boolean} [partly] Whether the trades beside it, for which Kafka is read, are left out.
 */
export function addressOf(path, partly = false) {
  const [exchange, ...rest] = path.split("/");
  const [id, kind = ""] = (rest.pop() ?? "").split(":");
  const parameters = partly ? { kind, topic: "skip" } : { kind };
  return { address: `/whales/${exchange}/${encodeURIComponent(rest.join("/"))}/${id}`, parameters };
}

/** @param {Whale} whale */
export function titleOf(whale) {
  const kind = whale.kind === "sweep" ? `sweep of ${whale.fills} fills` : kindName(whale);
  const mark = [whale.tier === "whale" ? "" : whale.tier, kind === "trade" ? "" : kind].filter(Boolean).join(" ");
  const base = whale.base ?? `of ${whale.symbol}`;
  return `${SIDE[whale.side]} ${quantity(whale.quantity)} ${base} for ${usd(whale.notional_usd)}${mark && `, ${mark}`}`;
}

/** @implements {Panel} */
export class WhaleDialog {
  #dialog;
  #parts;
  #markets;
  /** @type {AbortController | null} */
  #request = null;
  /** @type {string | null} Dagster's address. */
  #dagster = null;
  #refresh = throttle(() => view.whale && this.#load(view.whale), REFRESH_MS);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;

  /** @param {HTMLElement} root A dialog. @param {MarketCatalogue} markets */
  constructor(root, markets) {
    this.#dialog = /** @type {HTMLDialogElement} */ (root);
    this.#parts = partsOf(root);
    this.#markets = markets;
  }

  start() {
    makeClosable(this.#dialog);
    this.#dialog.addEventListener("close", () => {
      this.#request?.abort();
      clearTimeout(this.#again);
      if (view.whale) setView({ whale: "" });
    });
    this.#parts.copy.addEventListener("click", () => this.#copy());
    onView((changed) => {
      if (!changed.has("whale")) return;
      if (view.whale) this.#show(view.whale);
      else if (this.#dialog.open) this.#dialog.close();
    });
    if (view.whale) this.#show(view.whale);
  }

  /** @param {StatusMessage} status */
  onStatus(status) {
    this.#dagster = status.dagster ?? null;
  }

  /** @param {Whale} whale */
  onWhale(whale) {
    if (this.#dialog.open && whale.kind === "sweep" && view.whale === pathOf(whale)) this.#refresh();
  }

  /** One is opened, several are listed. @param {Whale[]} whales */
  onPick(whales) {
    const [first] = whales;
    if (!first) return;
    if (whales.length === 1) {
      setView({ whale: pathOf(first) });
      return;
    }
    this.#request?.abort();
    clearTimeout(this.#again);
    this.#title(`${whales.length} whales of this bar, taker ${first.side}`, first.side);
    this.#parts.copy.hidden = true;
    const rows = whales.slice(0, MOST).map((whale) => whaleRow(whale, this.#markets.digitsOf(whale)));
    const body = element("tbody", {}, ...rows);
    this.#parts.body.replaceChildren(element("table", { class: "list tape" }, element("thead", {}, whaleHead()), body));
    keyboardList(body, (row) => setView({ whale: row.dataset.whale })).settle();
    this.#dialog.showModal();
  }

  /** @param {string} path */
  #show(path) {
    const { title, body, copy } = this.#parts;
    setText(title, "Whale");
    body.replaceChildren(element("p", { class: "empty", text: "Loading…" }));
    copy.hidden = false;
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#load(path);
  }

  /** @param {string} path @param {boolean} [partly] Whether only what is still to come is shown again. */
  async #load(path, partly = false) {
    this.#request?.abort();
    clearTimeout(this.#again);
    const { signal } = (this.#request = new AbortController());
    const { address, parameters } = addressOf(path, partly);
    try {
      /** @type {WhaleContext} */
      const context = await get(address, parameters, signal);
      if (signal.aborted) return;
      this.#title(titleOf(context.whale), context.whale.side);
      if (partly) this.#renew(context);
      else this.#fill(context);
      if (isToCome(context)) this.#lookAgain(path);
    } catch (error) {
      if (signal.aborted) return;
      if (partly) this.#lookAgain(path);
      else this.#fail(path, /** @type {Error} */ (error));
    }
  }

  /** @param {string} path */
  #lookAgain(path) {
    this.#again = setTimeout(() => this.#load(path, true), LOOK_AGAIN_MS);
  }

  /** Where the reader is in the other parts stays. @param {WhaleContext} context */
  #renew(context) {
    const digits = this.#markets.digitsOf(context.whale);
    for (const fresh of [pricePart(context, digits), windowPart(context, digits), measuresPart(context)]) {
      this.#parts.body.querySelector(`.${fresh.className.replace(" ", ".")}`)?.replaceWith(fresh);
    }
  }

  /** @param {string} text @param {string} side */
  #title(text, side) {
    setText(this.#parts.title, text);
    this.#parts.title.className = side;
  }

  /** @param {WhaleContext} context */
  #fill(context) {
    const { body } = this.#parts;
    const digits = this.#markets.digitsOf(context.whale);
    const order = orderPart(context, (whale) => whaleRow(whale, this.#markets.digitsOf(whale)));
    order.append(clusterPart(context));
    body.replaceChildren(
      pricePart(context, digits),
      windowPart(context, digits),
      measuresPart(context),
      order,
      lineagePart(context, this.#dagster),
      hourPart(context),
      aroundPart(context, digits),
    );
    const orders = body.querySelector(".order .tape tbody");
    if (orders) keyboardList(orders, (row) => setView({ whale: row.dataset.whale })).settle();
    body.querySelector(".around .here")?.scrollIntoView({ block: "center" });
    body.scrollTop = 0;
  }

  /** @param {string} path @param {Error} error */
  #fail(path, error) {
    const unknown = error instanceof ApiError && error.status === 404;
    const text = unknown ? UNKNOWN : `It can't be loaded: ${error.message}.`;
    const again = { type: "button", class: "tool", text: "Try again", onclick: () => this.#show(path) };
    this.#parts.body.replaceChildren(element("p", { class: "error", text }), element("button", again));
  }

  async #copy() {
    const { body, copy } = this.#parts;
    const text = new URL(link(), location.href).href;
    try {
      await navigator.clipboard.writeText(text);
      setText(copy, "Copied");
    } catch {
      const label = "Link to this whale";
      const field = element("input", { class: "permalink", readonly: true, value: text, "aria-label": label });
      body.prepend(field);
      field.select();
    }
    setTimeout(() => setText(copy, "Copy link"), 2000);
  }
}

// What the page says of itself: the banner, the strip of exchanges, the badge of a source that is not live, and the
// dialog with the details. The page dims by `data-state` on the panel's root.

import { element, makeClosable, oncePerFrame, reorderChildren, setText } from "../lib/dom.js";
import { partsOf } from "../lib/panel.js";
import { Connection } from "./connection.js";
import { StatusDetails, number } from "./status-details.js";

/** @import { ExchangeStatus, StatusMessage } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */
/** @import { ConnectionState } from "./connection.js" */

/**
 * @typedef {object} Actions
 * @property {() => void} reconnect Connect now.
 * @property {() => void} askKey Ask the reader for a key.
 * @property {() => boolean} isAsking Whether the reader is being asked.
 */

const SIGN = { connected: "●", connecting: "◐", silent: "◌", unavailable: "○" };
const LINK = { live: "● Live", stale: "◌ Old data", wait: "◐ Waiting", down: "○ Disconnected", locked: "○ Key needed" };
const BUTTON = { key: "Enter a key", reconnect: "Try now" };
const SOURCE = { simulator: "Simulated", replay: "Replay", live: "" };

/** @implements {Panel} */
export class StatusPanel {
  #root;
  #parts;
  #actions;
  #details;
  #connection = new Connection();
  #locked = false;
  /** @type {ConnectionState["action"]} What the banner's button does. */
  #action;
  /** @type {Map<string, ReturnType<typeof makeChip>>} */
  #chips = new Map();
  #draw = oncePerFrame(() => this.#render());

  /** @param {HTMLElement} root @param {Actions} actions */
  constructor(root, actions) {
    this.#root = root;
    this.#parts = partsOf(root);
    this.#actions = actions;
    this.#details = new StatusDetails(this.#parts["details-body"]);
  }

  start() {
    const { details, open } = this.#parts;
    makeClosable(details);
    this.#parts["banner-act"].addEventListener("click", () => this.#act());
    open.addEventListener("click", () => {
      this.#details.show(this.#connection.status);
      details.showModal();
    });
    document.addEventListener("whale:key", (event) => {
      this.#locked = !(/** @type {CustomEvent} */ (event).detail);
      this.#draw();
      if (!this.#locked) location.reload();
    });
    setInterval(this.#draw, 1000);
    this.#draw();
  }

  /** @param {StatusMessage} status */
  onStatus(status) {
    this.#connection.status = status;
    this.#draw();
  }

  onConnect() {
    this.#connection.markUp();
    this.#draw();
  }

  /** @param {number} since @param {number} retryIn */
  onDisconnect(since, retryIn) {
    this.#connection.markDown(since, retryIn);
    this.#draw();
  }

  #act() {
    if (this.#action === "key") this.#actions.askKey();
    else if (this.#action === "reconnect") this.#actions.reconnect();
  }

  #render() {
    const parts = this.#parts;
    const { name, text, count = "", action } = this.#connection.state(this.#locked || this.#actions.isAsking());
    if (this.#root.dataset.state !== name) this.#root.dataset.state = name;
    parts.banner.hidden = !text;
    setText(parts["banner-text"], text);
    setText(parts["banner-say"], text);
    setText(parts["banner-count"], count);
    setText(parts["banner-act"], action ? BUTTON[action] : "");
    parts["banner-act"].hidden = !action;
    this.#action = action;
    setText(parts.link, LINK[name]);
    this.#renderStrip();
    if (parts.details.open) this.#details.show(this.#connection.status);
  }

  #renderStrip() {
    const { status } = this.#connection;
    const { chips, rates, source, dagster } = this.#parts;
    reorderChildren(chips, (status?.exchanges ?? []).map((exchange) => this.#renderChip(exchange)));
    const lag = status?.lag ?? null;
    setText(rates, status ? `${number(status.trades_per_s)} trades/s · ${lag === null ? "" : `${lag} to read`}` : "");
    const badge = status?.source ? SOURCE[status.source] : "";
    source.hidden = !badge;
    setText(source, badge, badge ? "These are no live trades of an exchange" : "");
    dagster.hidden = !status?.dagster;
    if (status?.dagster && dagster.getAttribute("href") !== status.dagster) dagster.href = status.dagster;
  }

  /** @param {ExchangeStatus} exchange */
  #renderChip(exchange) {
    const { exchange: name, state, detail, gaps_open: open, gaps_repaired: repaired } = exchange;
    let chip = this.#chips.get(name);
    if (!chip) this.#chips.set(name, (chip = makeChip()));
    chip.node.className = `chip ${state}`;
    setText(chip.sign, `${SIGN[state] ?? "○"} ${name}`);
    const gaps = `gaps ${open} open, ${repaired} repaired`;
    const delays = `lag ${number(exchange.delay_ms, " ms")} · clock ${number(exchange.clock_offset_ms, " ms")}`;
    const live = `${number(exchange.trades_per_s)}/s · ${delays} · ${gaps}`;
    setText(chip.facts, state === "connected" ? live : `${state} · ${gaps}`, detail);
    return chip.node;
  }
}

function makeChip() {
  const sign = element("b");
  const facts = element("span", { class: "facts-line" });
  return { node: element("li", {}, sign, facts), sign, facts };
}

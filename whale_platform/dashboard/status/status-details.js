// The dialog with the details of the status: exchanges, services, ways to Dagster. It is renewed every second, so cells
// are changed in place: what is in focus or marked stays so.

import { element, reorderChildren, setText } from "../lib/dom.js";

/** @import { ExchangeStatus, ServiceStatus, StatusMessage } from "../data/messages.d.ts" */

const GAPS = ["Gaps open", "Repaired"];
const EXCHANGE = ["Exchange", "State", "Trades/s", "Lag", "Clock offset", ...GAPS, "Reconnects", "Symbols"];
const SERVICE = ["Service", "State", "Last sign of life", "To read"];
const PAGES = [["runs", "Runs"], ["assets", "Assets"], ["automation", "Sensors and schedules"]];

/**
 * A number with its unit; never a negative zero.
 *
 * @param {number | null | undefined} value
 */
export const number = (value, unit = "", digits = 0) =>
  value === null || value === undefined ? "–" : `${value.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1")}${unit}`;

/** @param {{ state: string, detail: string }} status */
const stateOf = ({ state, detail }) => [state, detail].filter(Boolean).join(": ");

export class StatusDetails {
  #body;
  /** @type {ReturnType<typeof makeParts> | null} Made when they are shown first. */
  #parts = null;

  /** @param {HTMLElement} body Filled by it. */
  constructor(body) {
    this.#body = body;
  }

  /** @param {StatusMessage | null} status Null where there was none yet. */
  show(status) {
    this.#parts ??= makeParts(this.#body);
    this.#parts.exchanges((status?.exchanges ?? []).map(exchangeRow));
    this.#parts.services((status?.services ?? []).map(serviceRow));
    this.#parts.dagster(status?.dagster ?? null);
  }
}

/** @param {HTMLElement} body */
function makeParts(body) {
  return {
    exchanges: table(body, "Exchanges", EXCHANGE),
    services: table(body, "Services", SERVICE),
    dagster: links(body),
  };
}

/** @param {ExchangeStatus} exchange */
function exchangeRow(exchange) {
  const delays = [number(exchange.delay_ms, " ms"), number(exchange.clock_offset_ms, " ms", 1)];
  const counts = [exchange.gaps_open, exchange.gaps_repaired, exchange.reconnects, exchange.symbols];
  return [exchange.exchange, stateOf(exchange), number(exchange.trades_per_s, "", 1), ...delays, ...counts];
}

/** @param {ServiceStatus} service */
function serviceRow(service) {
  const seen = service.age_s === null ? "–" : `${number(service.age_s, " s", 1)} ago`;
  return [service.name, stateOf(service), seen, service.lag];
}

/** @param {HTMLElement} body @param {string} name @param {Node} content */
function addPart(body, name, content) {
  body.append(element("section", { class: "part" }, element("h3", { text: name }), content));
}

/**
 * Add a table whose rows are kept by their first cell.
 *
 * @param {HTMLElement} body
 * @param {string} caption
 * @param {string[]} names
 * @returns {(rows: (string | number | null)[][]) => void} Shows these rows.
 */
function table(body, caption, names) {
  const cells = names.map((text, index) => element("th", { scope: "col", class: index > 1 ? "num" : null, text }));
  const content = element("tbody");
  const head = element("thead", {}, element("tr", {}, ...cells));
  const scroll = { class: "wide-scroll", tabindex: 0, role: "region", "aria-label": caption };
  addPart(body, caption, element("div", scroll, element("table", { class: "list data" }, head, content)));
  /** @type {Map<string, { node: HTMLElement, cells: HTMLElement[] }>} */
  const held = new Map();
  /** @param {(string | number | null)[]} row */
  const render = ([first, ...rest]) => {
    const name = String(first);
    let row = held.get(name);
    if (!row) held.set(name, (row = makeRow(name, rest.length)));
    rest.forEach((text, index) => setText(row.cells[index], String(text ?? "–")));
    return row.node;
  };
  return (rows) => reorderChildren(content, rows.map(render));
}

/** @param {string} name @param {number} count */
function makeRow(name, count) {
  const cells = Array.from({ length: count }, (_, index) => element("td", { class: index ? "num" : null }));
  return { node: element("tr", {}, element("th", { scope: "row", text: name }), ...cells), cells };
}

/**
 * Add the links to Dagster.
 *
 * @param {HTMLElement} body
 * @returns {(address: string | null) => void} Shows those of this address.
 */
function links(body) {
  const content = element("p", { class: "links" });
  /** @type {string | null | undefined} */
  let held;
  addPart(body, "Dagster", content);
  return (address) => {
    if (held === address) return;
    held = address;
    const made = PAGES.map(([path, text]) => {
      const href = `${address}/${path}`;
      return element("a", { href, target: "_blank", rel: "noreferrer", text: `${text} ↗` });
    });
    const none = element("span", { class: "note", text: "Dagster is not running here." });
    content.replaceChildren(...(address ? made : [none]));
  };
}

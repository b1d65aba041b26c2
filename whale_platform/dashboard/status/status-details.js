// The dialog with the details of the status: exchanges, services, ways to Dagster. It is renewed every second, so cells
// are changed in place: what is in focus or marked stays so.

import { byId, element, reorderChildren, setText } from "../lib/dom.js";

/** A number with `digits` decimals and its unit; never a negative zero. */
export const number = (value, unit = "", digits = 0) =>
  value === null || value === undefined ? "–" : `${value.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1")}${unit}`;

const said = (one) => [one.state, one.detail].filter(Boolean).join(": ");

function table(caption, names) {
  const head = element("tr", {}, ...names.map((text, at) => element("th", { scope: "col", class: at > 1 ? "num" : null, text })));
  const body = element("tbody");
  const scroll = element("div", { class: "wide-scroll", tabindex: 0, role: "region", "aria-label": caption }, element("table", { class: "list data" }, element("thead", {}, head), body));
  byId("status-body").append(element("section", { class: "part" }, element("h3", { text: caption }), scroll));
  const held = new Map();
  return (rows) => {
    const nodes = rows.map(([name, ...rest]) => {
      if (!held.has(name)) {
        const cells = rest.map((_, at) => element("td", { class: at ? "num" : null }));
        held.set(name, { cells, node: element("tr", {}, element("th", { scope: "row", text: name }), ...cells) });
      }
      const { cells, node } = held.get(name);
      rest.forEach((text, at) => setText(cells[at], String(text ?? "–")));
      return node;
    });
    reorderChildren(body, nodes);
  };
}

function dagster() {
  const links = element("p", { class: "links" });
  let shown;
  byId("status-body").append(element("section", { class: "part" }, element("h3", { text: "Dagster" }), links));
  return (address) => {
    if (shown === address) return;
    shown = address;
    const pages = [["runs", "Runs"], ["assets", "Assets"], ["automation", "Sensors and schedules"]];
    const made = pages.map(([path, text]) => element("a", { href: `${address}/${path}`, target: "_blank", rel: "noreferrer", text: `${text} ↗` }));
    links.replaceChildren(...(address ? made : [element("span", { class: "note", text: "Dagster is not running here." })]));
  };
}

let parts = null;

/** Show this `status` message; null where there was none yet. */
export function details(status) {
  parts ??= {
    exchanges: table("Exchanges", ["Exchange", "State", "Trades/s", "Lag", "Clock offset", "Gaps open", "Repaired", "Reconnects", "Symbols"]),
    services: table("Services", ["Service", "State", "Last sign of life", "To read"]),
    dagster: dagster(),
  };
  parts.exchanges((status?.exchanges ?? []).map((one) => [
    one.exchange, said(one), number(one.trades_per_s, "", 1), number(one.delay_ms, " ms"), number(one.clock_offset_ms, " ms", 1),
    one.gaps_open, one.gaps_repaired, one.reconnects, one.symbols,
  ]));
  parts.services((status?.services ?? []).map((one) => [one.name, said(one), one.age_s === null ? "–" : `${number(one.age_s, " s", 1)} ago`, one.lag]));
  parts.dagster(status?.dagster ?? null);
}

// The parts of a whale's context: prices before and after it, its minute, its hour, the trades around it, and the way
// from the exchange to this page. Each takes the server's answer and says so where a piece is not there yet.

import { element, svgElement } from "../lib/dom.js";
import { SIDE, amount, clock, grouped, percent, price, quantity, signedUsd, tier, usd, whole, wholeAmount } from "../lib/format.js";
import { digits } from "../markets/markets-panel.js";

const seconds = (time) => Math.floor(Date.parse(time) / 1000);

function part(name, heading, ...children) {
  return element("section", { class: `part ${name}` }, element("h3", { text: heading }), ...children);
}

function facts(pairs) {
  return element("dl", { class: "facts" }, ...pairs.filter(([, value]) => value !== null).map(([name, value, title]) =>
    element("div", {}, element("dt", { text: name }), value instanceof Node ? element("dd", {}, value) : element("dd", { text: value, title: title ?? null }))));
}

const none = (text) => element("p", { class: "note", text });

export function pricePart({ whale, windows, prices }) {
  const at = Number(whale.price);
  const minute = Math.floor(seconds(whale.event_time) / 60) * 60;
  const closes = new Map(windows.map((row) => [seconds(row.window_start), row.close]));
  const places = digits(whale);
  const exact = { before: prices?.before, 1: prices?.after_1, 5: prices?.after_5, 15: prices?.after_15 };
  const rows = [[-15, "15 min before"], [-5, "5 min before"], [-1, "1 min before"], ["before", "the trade before"], [0, "the whale"], [1, "1 min after"], [5, "5 min after"], [15, "15 min after"]];
  const newest = Math.max(...closes.keys());
  const young = Date.now() - Date.parse(whale.received_time) < 20 * 60_000;
  const missing = (shift) => (young && minute + shift * 60 > newest ? "not yet" : "no trade");
  // What is exact is to the microsecond (the lake's); else the close of that minute stands in, and says so.
  const about = (shift) => (shift === "before" ? undefined : closes.get(minute + shift * 60));
  const cells = rows.filter(([shift]) => shift !== "before" || exact.before).map(([shift, name]) => {
    const value = shift === 0 ? whale.price : exact[shift] ?? about(shift);
    const text = value ? `${shift === 0 || exact[shift] ? "" : "≈ "}${price(value, places)}` : missing(shift);
    const title = value && shift !== 0 && !exact[shift] ? "The close of that minute" : null;
    const change = shift !== 0 && value ? percent(Number(value) / at - 1, 3) : "";
    return element("tr", { class: shift === 0 ? "here" : null }, element("th", { scope: "row", text: name }), element("td", { class: "num", text, title }), element("td", { class: "num", text: change }));
  });
  const head = element("tr", {}, element("th", { scope: "col", text: "When" }), element("th", { scope: "col", class: "num", text: "Price" }), element("th", { scope: "col", class: "num", text: "From the whale's" }));
  return part("prices", "Price before and after", curve(windows, minute, whale), element("table", { class: "list data" }, element("thead", {}, head), element("tbody", {}, ...cells)));
}

function curve(windows, minute, whale) {
  if (windows.length < 2) return none("Too few minutes around it for a curve.");
  const values = windows.flatMap((row) => [Number(row.low), Number(row.high)]);
  const [low, high] = [Math.min(...values, Number(whale.price)), Math.max(...values, Number(whale.price))];
  const x = (time) => 300 * ((time - minute) / 1860 + 0.5);
  const y = (value) => 74 - (68 * (value - low)) / (high - low || 1);
  const of = (field) => windows.map((row) => `${x(seconds(row.window_start) + 30).toFixed(1)},${y(Number(row[field])).toFixed(1)}`);
  const here = { cx: x(seconds(whale.event_time)), cy: y(Number(whale.price)) };
  return svgElement("svg", { viewBox: "0 0 300 80", class: `curve ${whale.side}`, role: "img", "aria-label": "Price in the quarter hours before and after the whale" },
    svgElement("polygon", { points: [...of("high"), ...of("low").reverse()].join(" ") }),
    svgElement("polyline", { points: of("close").join(" ") }),
    svgElement("line", { x1: here.cx, x2: here.cx, y1: 0, y2: 80 }),
    svgElement("circle", { ...here, r: 4 }));
}

export function windowPart({ whale, window }) {
  const ms = (a, b) => `${Math.max(0, Date.parse(b) - Date.parse(a))} ms`;
  const { times } = tier(whale);
  const places = digits(whale);
  const first = facts([
    ["Market", `${whale.symbol} on ${whale.exchange}`],
    ["Traded", clock(whale.event_time, "full")],
    ["Price", price(whale.price, places)],
    ["Quantity", grouped(whale.quantity)],
    ["Notional", whole(whale.notional_usd)],
    ["Threshold", `${usd(whale.threshold_usd)}, ${times.toFixed(1)} times reached`],
    ["Exchange to here", ms(whale.event_time, whale.received_time)],
    ["Here to detected", ms(whale.received_time, whale.detected_time)],
  ]);
  if (!window) return part("minute", "The trade and its minute", first, none("Its minute is not in the tables."));
  const share = Number(window.notional) ? Number(whale.notional_usd) / Number(window.notional) : 0;
  return part("minute", "The trade and its minute", first, facts([
    ["Minute", clock(window.window_start, "bar")],
    ["Open, close", `${price(window.open, places)}, ${price(window.close, places)}`],
    ["High, low", `${price(window.high, places)}, ${price(window.low, places)}`],
    ["VWAP", price(Number(window.vwap), places), window.vwap],
    ["Volume", quantity(window.volume), window.volume],
    ["Bought by takers", percent(Number(window.buy_volume) / Number(window.volume), 0).replace("+", "")],
    ["Trades", window.trade_count.toLocaleString("en-US")],
    ["The whale's share", percent(share, 1).replace("+", "")],
  ]));
}

export function hourPart({ report }) {
  if (!report) return part("hour", "Its hour", none("The hour's report is made once the hour is over."));
  return part("hour", "Its hour", facts([
    ["Hour", clock(report.hour, "bar")],
    ["Whales", String(report.whales)],
    ["Net flow", signedUsd(report.net_flow_usd), whole(report.net_flow_usd)],
    ["Bought", usd(report.buy_usd), whole(report.buy_usd)],
    ["Sold", usd(report.sell_usd), whole(report.sell_usd)],
    ["Whales' share of all trading", percent(report.share, 1).replace("+", "")],
    ["Report made", clock(report.materialised_at, "bar")],
  ]));
}

export function aroundPart({ whale, around }) {
  if (!around.length) return part("around", "Trades around it", none("They are no longer in Kafka."));
  const places = digits(whale);
  const rows = around.map((one) =>
    element("tr", { class: `${one.side}${one.trade_id === whale.trade_id ? " here" : ""}` },
      element("td", { text: clock(one.event_time, "full").split(", ").at(-1) }), element("td", { class: "side", text: SIDE[one.side] }), element("td", { class: "num", text: price(one.price, places) }),
      element("td", { class: "num", text: grouped(one.quantity) }), element("td", { class: "num", text: amount(one.notional, whale), title: wholeAmount(one.notional, whale) })));
  const head = element("tr", {}, ...["Time", "Taker", "Price", "Quantity", "Notional"].map((text, at) => element("th", { scope: "col", class: at > 1 ? "num" : null, text })));
  return part("around", "Trades around it", element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Trades around the whale" }, element("table", { class: "list data" }, element("thead", {}, head), element("tbody", {}, ...rows))));
}

export function lineagePart({ whale, window, trade, trade_missing: missing, run }, dagster) {
  const asset = (name, text) => (dagster ? element("a", { href: `${dagster}/assets/${name}`, target: "_blank", rel: "noreferrer", text: `${text} in Dagster ↗` }) : null);
  const step = (name, ...lines) => element("li", {}, element("b", { text: name }), ...lines.map((line) => (line instanceof Node ? line : line && element("span", { text: line }))));
  return part("lineage", "Lineage", element("ol", { class: "way" },
    step(`Exchange ${whale.exchange}`, `trade ${whale.trade_id}`, `${whale.source}, ${clock(whale.event_time, "full")}`),
    trade ? step("Kafka", `${trade.topic}, partition ${trade.partition}, offset ${trade.offset}`, trade.timestamp ? clock(trade.timestamp, "full") : missing) : step("Kafka", missing ?? "place not known"),
    window ? step("Window", `${clock(window.window_start, "bar")}, trades ${window.first_trade_id} to ${window.last_trade_id}`, `${window.trade_count} trades, last said ${clock(window.updated_at, "full")}`) : step("Window", "not in the tables"),
    step("Run", `${run?.id ?? whale.run_id}`, run?.service ?? null, run?.code ? `commit ${run.code}` : null, run?.started ? `began ${clock(run.started, "full")}` : null),
    step("Reports", asset("whale_reports", "Whale reports"), asset("hourly_rollups", "Hourly rollups"), dagster ? null : "Dagster is not running here")));
}

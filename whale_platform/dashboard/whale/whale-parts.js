// The parts of a whale's context: prices before and after it, its minute, its hour, the trades around it, and the way
// from the exchange to this page. Each takes the server's answer and says so where a piece is not there yet.

import { element } from "../lib/dom.js";
import {
  SIDE,
  amount,
  clock,
  grouped,
  kindName,
  percent,
  price,
  quantity,
  signedUsd,
  timesOf,
  usd,
  whole,
  wholeAmount,
} from "../lib/format.js";
import { sweepFacts } from "./order-part.js";
import { facts, none, part, table } from "./part.js";
import { priceCurve } from "./price-curve.js";

/** @import { StoredWindow, Whale } from "../data/messages.d.ts" */
/** @import { PriceAfter, TradeBeside, WhaleContext } from "../data/whale-context.d.ts" */
/** @import { Fact } from "./part.js" */

const YOUNG_MS = 20 * 60_000; // after which no price is still to come
/** @type {[number, string][]} Minutes from the whale. */
const BEFORE = [[-15, "15 min before"], [-5, "5 min before"], [-1, "1 min before"]];
/** @type {[PriceAfter, string][]} For which no close of a minute can stand in. */
const SOON_AFTER = [["after_1s", "1 s after"], ["after_10s", "10 s after"]];
/** @type {[1 | 5 | 15, string][]} */
const AFTER = [[1, "1 min after"], [5, "5 min after"], [15, "15 min after"]];

/** @type {[string, boolean][]} */
const AROUND = [["Time", false], ["Taker", false], ["Price", true], ["Quantity", true], ["Notional", true]];

/** @param {string} time */
const minuteOf = (time) => Math.floor(Date.parse(time) / 60_000) * 60;

/** A share of a whole: "12%". @param {string | number} value @param {number} digits */
const share = (value, digits) => percent(value, digits).replace("+", "");

/** @param {WhaleContext} context @param {number} digits Decimals of the market's prices. */
export function pricePart({ whale, windows, prices }, digits) {
  const minute = minuteOf(whale.event_time);
  const closes = new Map(windows.map((row) => [minuteOf(row.window_start), row.close]));
  const newest = Math.max(...closes.keys());
  const young = Date.now() - Date.parse(whale.received_time) < YOUNG_MS;
  /** @param {string} name @param {string} text @param {string | null} value @param {string | null} [title] */
  const row = (name, text, value, title = null) => {
    const change = value === null ? "" : percent(Number(value) / Number(whale.price) - 1, 3);
    const cells = [element("td", { class: "num", text, title }), element("td", { class: "num", text: change })];
    return element("tr", {}, element("th", { scope: "row", text: name }), ...cells);
  };
  // What is exact is to the microsecond (the lake's); else the close of that minute stands in, and says so.
  /** @param {number} shift @param {string} name @param {string | null} [exact] */
  const near = (shift, name, exact = null) => {
    if (exact) return row(name, price(exact, digits), exact);
    const about = closes.get(minute + shift * 60);
    if (about) return row(name, `≈ ${price(about, digits)}`, about, "The close of that minute");
    return row(name, young && minute + shift * 60 > newest ? "not yet" : "no trade", null);
  };
  /** @param {PriceAfter} field @param {string} name */
  const soon = (field, name) => {
    const exact = prices?.[field] ?? null;
    if (exact !== null) return row(name, price(exact, digits), exact);
    return row(name, young ? "not yet" : "not known", null);
  };
  const here = row(whale.kind === "sweep" ? "its last fill" : "the whale", price(whale.price, digits), null);
  here.className = "here";
  const rows = [
    ...BEFORE.map(([shift, name]) => near(shift, name)),
    prices?.before ? row("the trade before", price(prices.before, digits), prices.before) : null,
    here,
    ...SOON_AFTER.map(([field, name]) => soon(field, name)),
    ...AFTER.map(([shift, name]) => near(shift, name, prices?.[`after_${shift}`])),
  ].filter((node) => node !== null);
  const names = table([["When", false], ["Price", true], ["From the whale's", true]], rows);
  const curve = priceCurve(windows, minute, whale) ?? none("Too few minutes around it for a curve.");
  return part("prices", "Price before and after", curve, names);
}

/** @param {WhaleContext} context @param {number} digits */
export function windowPart({ whale, window }, digits) {
  const heading = `The ${kindName(whale)} and its minute`;
  const trade = facts(tradeFacts(whale, digits));
  if (!window) return part("minute", heading, trade, none("Its minute is not in the tables."));
  return part("minute", heading, trade, facts(minuteFacts(window, digits)));
}

/** @param {Whale} whale @param {number} digits @returns {Fact[]} */
function tradeFacts(whale, digits) {
  /** @param {string} from @param {string} to */
  const ms = (from, to) => `${Math.max(0, Date.parse(to) - Date.parse(from))} ms`;
  return [
    ["Market", `${whale.symbol} on ${whale.exchange}`],
    ["Traded", clock(whale.event_time, "full")],
    ...priceFacts(whale, digits),
    ["Quantity", grouped(whale.quantity)],
    ["Notional", whole(whale.notional_usd)],
    ["Threshold", `${usd(whale.threshold_usd)}, ${timesOf(whale).toFixed(1)} times reached: ${whale.tier}`],
    ["Exchange to here", ms(whale.event_time, whale.received_time)],
    ["Here to detected", ms(whale.received_time, whale.detected_time)],
  ];
}

/** @param {Whale} whale @param {number} digits @returns {Fact[]} */
const priceFacts = (whale, digits) =>
  whale.kind === "sweep" ? sweepFacts(whale, digits) : [["Price", price(whale.price, digits)]];

/** @param {StoredWindow} window @param {number} digits @returns {Fact[]} */
function minuteFacts(window, digits) {
  return [
    ["Minute", clock(window.window_start, "bar")],
    ["Open, close", `${price(window.open, digits)}, ${price(window.close, digits)}`],
    ["High, low", `${price(window.high, digits)}, ${price(window.low, digits)}`],
    ["VWAP", price(Number(window.vwap), digits), window.vwap],
    ["Volume", quantity(window.volume), window.volume],
    ["Bought by takers", share(Number(window.buy_volume) / Number(window.volume), 0)],
    ["Trades", window.trade_count.toLocaleString("en-US")],
  ];
}

/** @param {WhaleContext} context */
export function hourPart({ report }) {
  if (!report) return part("hour", "Its hour", none("The hour's report is made once the hour is over."));
  const numbers = facts([
    ["Hour", clock(report.hour, "bar")],
    ["Whales", String(report.whales), `${report.sweeps} of them sweeps, ${report.blocks} blocks`],
    ["Net flow", signedUsd(report.net_flow_usd), whole(report.net_flow_usd)],
    ["Bought", usd(report.buy_usd), whole(report.buy_usd)],
    ["Sold", usd(report.sell_usd), whole(report.sell_usd)],
    ["Whales' share of all trading", share(report.share, 1)],
    ["Report made", clock(report.materialised_at, "bar")],
  ]);
  return part("hour", "Its hour", numbers);
}

/** @param {WhaleContext} context @param {number} digits */
export function aroundPart({ whale, around }, digits) {
  const heading = "Trades around it";
  if (!around.length) return part("around", heading, none("They are no longer in Kafka."));
  const rows = around.map((trade) => aroundRow(trade, whale, digits));
  const content = table(AROUND, rows);
  const scroll = { class: "scroll", tabindex: 0, role: "region", "aria-label": "Trades around the whale" };
  return part("around", heading, element("div", scroll, content));
}

/** @param {TradeBeside} trade @param {Whale} whale @param {number} digits */
function aroundRow(trade, whale, digits) {
  const here = trade.in_whale ? " here" : "";
  const notional = { text: amount(trade.notional, whale), title: wholeAmount(trade.notional, whale) };
  return element(
    "tr",
    { class: `${trade.side}${here}` },
    element("td", { text: clock(trade.event_time, "full").split(", ").at(-1) }),
    element("td", { class: "side", text: SIDE[trade.side] }),
    element("td", { class: "num", text: price(trade.price, digits) }),
    element("td", { class: "num", text: grouped(trade.quantity) }),
    element("td", { class: "num", ...notional }),
  );
}

/** @param {WhaleContext} context @param {string | null} dagster Its address. */
export function lineagePart({ whale, window, trade, trade_missing: missing, run }, dagster) {
  const kafka = trade
    ? [
        `${trade.topic}, partition ${trade.partition}, offset ${trade.offset}`,
        trade.timestamp ? clock(trade.timestamp, "full") : missing,
      ]
    : [missing ?? "place not known"];
  const minute = window
    ? [
        `${clock(window.window_start, "bar")}, trades ${window.first_trade_id} to ${window.last_trade_id}`,
        `${window.trade_count} trades, last said ${clock(window.updated_at, "full")}`,
      ]
    : ["not in the tables"];
  const began = run.started ? `began ${clock(run.started, "full")}` : null;
  const reports = dagster
    ? [assetLink(dagster, "whale_reports", "Whale reports"), assetLink(dagster, "hourly_rollups", "Hourly rollups")]
    : ["Dagster is not running here"];
  const traded = `${whale.source}, ${clock(whale.event_time, "full")}`;
  const steps = [
    step(`Exchange ${whale.exchange}`, tradesOf(whale), traded),
    step("Kafka", ...kafka),
    step("Window", ...minute),
    step("Run", run.id, run.service, run.code ? `commit ${run.code}` : null, began),
    step("Reports", ...reports),
  ];
  return part("lineage", "Lineage", element("ol", { class: "way" }, ...steps));
}

/** @param {Whale} whale */
function tradesOf(whale) {
  if (whale.kind === "sweep") return `trades ${whale.trade_id} to ${whale.last_trade_id}, ${whale.fills} fills`;
  return `${kindName(whale)} ${whale.trade_id}`;
}

/** @param {string} name @param {(Node | string | null)[]} lines */
function step(name, ...lines) {
  const nodes = lines.map((line) => (typeof line === "string" ? element("span", { text: line }) : line));
  return element("li", {}, element("b", { text: name }), ...nodes);
}

/** @param {string} dagster @param {string} asset @param {string} text */
function assetLink(dagster, asset, text) {
  const address = { href: `${dagster}/assets/${asset}`, target: "_blank", rel: "noreferrer" };
  return element("a", { ...address, text: `${text} in Dagster ↗` });
}

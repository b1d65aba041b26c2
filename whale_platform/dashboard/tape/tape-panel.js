// The tape on the page: rows, filters, new ones while one reads further down, sound and spoken news. Draws once a
// frame what the Tape holds; rows are made once per whale and moved, and made anew only where their time is told in
// another way. What can't be loaded is tried again by a timer and once the server is back.

import { byId, element, isVisible, oncePerFrame, reorderChildren, setText } from "../lib/dom.js";
import { keyOf, tier, usd } from "../lib/format.js";
import { WhaleTape } from "../data/whale-tape.js";
import { exchanges, onMarkets } from "../markets/markets-panel.js";
import { onView, setView, view } from "../data/url-state.js";
import { Retry } from "../lib/retry.js";
import { isOld, whaleRow } from "../whale/whale-row.js";
import { play } from "../lib/sound.js";
import { keyboardList } from "../lib/keyboard-list.js";

const tape = new WhaleTape();
const nodes = new Map();
const FILTERS = ["tape", "on", "side", "min"];
let walk;
let unseen = 0;

const draw = oncePerFrame(() => {
  if (!isVisible(byId("tape"))) return;
  for (const key of nodes.keys()) if (!tape.keys.has(key)) nodes.delete(key);
  const rows = tape.rows.map((whale) => {
    const key = keyOf(whale);
    if (!nodes.has(key)) nodes.set(key, whaleRow(whale));
    return nodes.get(key);
  });
  reorderChildren(byId("tape-body"), rows);
  walk.settle();
  const all = tape.cursor ? "+" : "";
  setText(byId("tape-count"), rows.length ? `${rows.length}${all} shown` : "");
  setText(byId("tape-empty"), message(rows.length));
  setText(byId("tape-new"), `▲ ${unseen} new`);
  byId("tape-new").hidden = !unseen;
});

function message(count) {
  if (tape.state === "failed") return `Whales can't be loaded: ${tape.error}. It is tried again.`;
  if (tape.state === "loading") return count ? "" : "Loading whales…";
  if (count) return "";
  const filtered = view.tape === "this" || view.on || view.side || view.min;
  return filtered ? "No whale fits these filters." : "No whale yet. One appears with the first trade over its symbol's threshold.";
}

let said = 0;
let held = null;

/** Tell screen readers of the newest, at most every ten seconds. */
function say(whale) {
  const waiting = held !== null;
  held = { whale, more: waiting ? held.more + 1 : 0 };
  if (waiting) return;
  setTimeout(() => {
    const { whale: newest, more } = held;
    held = null;
    said = performance.now();
    const { name } = tier(newest);
    const others = more ? `, and ${more} more` : "";
    setText(byId("say"), `${name}: taker ${newest.side} ${usd(newest.notional_usd)} ${newest.symbol} on ${newest.exchange}${others}`);
  }, Math.max(0, said + 10_000 - performance.now()));
}

/** A whale from the stream. */
export function tapeWhale(whale) {
  if (!tape.live(whale)) return;
  if (byId("tape-scroll").scrollTop > 40) unseen += 1;
  if (Date.now() - Date.parse(whale.detected_time) < 120_000) {
    say(whale);
    play(whale.side, tier(whale).times);
  }
  draw();
}

export const tapeFits = (whale) => tape.fits(whale);
export const tapeAsked = () => tape.asked();
export const tapeFill = (anew) => after(anew ? tape.reload() : tape.fill());
export const tapeShown = () => draw();

const retry = new Retry(() => after(tape.again()));

async function after(page) {
  draw();
  await page;
  draw();
  if (tape.state === "failed") retry.later();
  else retry.stop();
}

/** The connection is there. resumed: the stream sends what was missed. */
export function tapeUp(resumed) {
  if (!resumed || tape.state === "failed") tapeFill();
}

/** All rows anew: the zone of times has changed, or the decimals of prices are known now. */
export function tapeAgain() {
  nodes.clear();
  draw();
}

/** Rows that have come of age since they were made tell their day from now on. */
function ages() {
  for (const whale of tape.rows) {
    if (isOld(whale) && nodes.get(keyOf(whale))?.querySelector(".row:not(.old)")) nodes.delete(keyOf(whale));
  }
  draw();
}

function showFilters() {
  byId("f-on").replaceChildren(element("option", { value: "", text: "All exchanges" }), ...exchanges().map((name) => element("option", { value: name, text: name })));
  if (view.on && ![...$("f-on").options].some((one) => one.value === view.on)) byId("f-on").append(element("option", { value: view.on, text: view.on }));
  const list = byId("markets-exchange");
  const chosen = list.value;
  list.replaceChildren(...[...$("f-on").options].map((one) => one.cloneNode(true)));
  list.options[0].textContent = "All";
  list.value = chosen;
  if (![...$("f-min").options].some((one) => Number(one.value) === view.min)) byId("f-min").append(element("option", { value: view.min, text: `≥ ${usd(view.min)}` }));
  for (const field of FILTERS) byId(`f-${field}`).value = String(view[field]);
  byId("f-on").disabled = view.tape === "this";
}

/** open(path of a whale). */
export function startTape(open) {
  walk = keyboardList(byId("tape-body"), (row) => open(row.dataset.whale));
  for (const field of FILTERS) {
    byId(`f-${field}`).addEventListener("change", (event) => setView({ [field]: field === "min" ? Number(event.target.value) : event.target.value }));
  }
  let known = false;
  onMarkets(() => {
    showFilters();
    if (!known) tapeAgain();
    known = exchanges().length > 0;
  });
  onView((changed) => {
    showFilters();
    const moved = view.tape === "this" && (changed.has("symbol") || changed.has("exchange"));
    if (moved || FILTERS.some((field) => changed.has(field))) {
      unseen = 0;
      byId("tape-scroll").scrollTop = 0;
      after(tape.refilter());
    }
  });
  const scroll = byId("tape-scroll");
  scroll.addEventListener("scroll", () => {
    if (scroll.scrollTop < 40 && unseen) {
      unseen = 0;
      draw();
    }
    if (scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - 400 && tape.ready) after(tape.more());
  }, { passive: true });
  byId("tape-new").addEventListener("click", () => (scroll.scrollTop = 0));
  showFilters();
  tapeFill();
  for (const wait of [4_000, 30_000]) setTimeout(() => tape.topUp().then(draw), wait);
  setInterval(ages, 3_600_000);
}

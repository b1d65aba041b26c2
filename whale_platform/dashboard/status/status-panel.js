// Whether what is shown is live: the strip of exchanges, the banner that says since when and why it is not, the details.
// Three things may stop: the connection to the server, something behind the server (it says what), or the first data
// may not have come yet. The page dims by `data-state` on the body. What counts seconds stands beside what is spoken, so
// that a screen reader tells a state once.

import { byId, element, makeClosable, oncePerFrame, reorderChildren, setText } from "../lib/dom.js";
import { age, clock } from "../lib/format.js";
import { askKey } from "../data/api.js";
import { details, number } from "./status-details.js";

const SIGN = { connected: "●", connecting: "◐", silent: "◌", away: "○" };
let status = null;
let down = { since: Date.now(), at: performance.now(), retryAt: 0 };
let locked = false;
let retry = () => {};
let act = null; // what the banner's button does

/** Name, what is said, what counts seconds, and what a button does about it. */
function state() {
  if (locked || byId("key-dialog").open) return ["locked", "This server wants a key.", "", "Enter a key", () => askKey()];
  if (down) {
    const seconds = (performance.now() - down.at) / 1000;
    const wait = Math.max(0, Math.ceil((down.retryAt - performance.now()) / 1000));
    const trying = `Trying again${wait ? ` in ${wait} s` : " now"}.`;
    if (!down.since) return seconds < 2 ? ["wait", ""] : ["down", "The server does not answer.", trying, "Try now", retry];
    return ["down", `The server is gone since ${clock(down.since / 1000, "time")}: what you see is from then.`, `${age(seconds)} ago. ${trying}`, "Try now", retry];
  }
  if (status?.stale) return ["stale", `Old data: ${status.reason ?? "the server does not say why"}`];
  if (status?.feed === "waiting") return ["wait", `Waiting for Kafka: ${status.detail || "starting"}`];
  return ["live", ""];
}

const draw = oncePerFrame(() => {
  const [name, text, count = "", action = "", work = null] = state();
  if (document.body.dataset.state !== name) document.body.dataset.state = name;
  byId("banner").hidden = !text;
  setText(byId("banner-text"), text);
  setText(byId("banner-say"), text);
  setText(byId("banner-count"), count);
  setText(byId("banner-act"), action);
  byId("banner-act").hidden = !action;
  act = work;
  const words = { live: "● Live", stale: "◌ Old data", wait: "◐ Waiting", down: "○ Disconnected", locked: "○ Key needed" };
  setText(byId("link"), words[name]);
  chips();
  if (byId("status-dialog").open) details(status);
});

const held = new Map();

function chips() {
  const rows = (status?.exchanges ?? []).map((one) => {
    if (!held.has(one.exchange)) {
      const [sign, facts] = [element("b"), element("span", { class: "facts-line" })];
      held.set(one.exchange, { sign, facts, node: element("li", {}, sign, facts) });
    }
    const chip = held.get(one.exchange);
    chip.node.className = `chip ${one.state}`;
    setText(chip.sign, `${SIGN[one.state] ?? "○"} ${one.exchange}`);
    const gaps = `gaps ${one.gaps_open} open, ${one.gaps_repaired} repaired`;
    const live = `${number(one.trades_per_s)}/s · lag ${number(one.delay_ms, " ms")} · clock ${number(one.clock_offset_ms, " ms")} · ${gaps}`;
    setText(chip.facts, one.state === "connected" ? live : `${one.state} · ${gaps}`, one.detail);
    return chip.node;
  });
  reorderChildren(byId("chips"), rows);
  setText(byId("rates"), status ? `${number(status.trades_per_s)} trades/s · ${status.lag === null || status.lag === undefined ? "" : `${status.lag} to read`}` : "");
  const source = { simulator: "Simulated", replay: "Replay" }[status?.source];
  byId("source").hidden = !source;
  setText(byId("source"), source ?? "", source ? "These are no live trades of an exchange" : "");
  byId("dagster").hidden = !status?.dagster;
  if (status?.dagster && byId("dagster").getAttribute("href") !== status.dagster) byId("dagster").href = status.dagster;
}

/** A `status` message. */
export function statusMessage(message) {
  status = message;
  draw();
}

export function statusUp() {
  down = null;
  draw();
}

/** since: epoch ms of the loss, 0 where there was no connection yet; wait: ms to the next attempt. */
export function statusDown(since, wait) {
  const at = performance.now() - (since ? Date.now() - since : 0);
  down = { since, at: down?.at ?? at, retryAt: performance.now() + wait };
  draw();
}

export const dagsterAddress = () => status?.dagster ?? null;

/** again(): connect now. */
export function startStatus(again) {
  retry = again;
  down.since = 0;
  makeClosable(byId("status-dialog"));
  byId("banner-act").addEventListener("click", () => act?.());
  byId("status-open").addEventListener("click", () => {
    details(status);
    byId("status-dialog").showModal();
  });
  document.addEventListener("whale:key", (event) => {
    locked = !event.detail;
    draw();
    if (!locked) location.reload();
  });
  setInterval(draw, 1000);
  draw();
}

// Whether what is shown is live: the strip of exchanges, the banner that says since when and why it is not, the details.
// Three things may stop: the connection to the server, something behind the server (it says what), or the first data
// may not have come yet. The page dims by `data-state` on the body. What counts seconds stands beside what is spoken, so
// that a screen reader tells a state once.

import { $, arrange, closable, h, perFrame, put } from "../lib/dom.js";
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
  if (locked || $("key-dialog").open) return ["locked", "This server wants a key.", "", "Enter a key", () => askKey()];
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

const draw = perFrame(() => {
  const [name, text, count = "", action = "", work = null] = state();
  if (document.body.dataset.state !== name) document.body.dataset.state = name;
  $("banner").hidden = !text;
  put($("banner-text"), text);
  put($("banner-say"), text);
  put($("banner-count"), count);
  put($("banner-act"), action);
  $("banner-act").hidden = !action;
  act = work;
  const words = { live: "● Live", stale: "◌ Old data", wait: "◐ Waiting", down: "○ Disconnected", locked: "○ Key needed" };
  put($("link"), words[name]);
  chips();
  if ($("status-dialog").open) details(status);
});

const held = new Map();

function chips() {
  const rows = (status?.exchanges ?? []).map((one) => {
    if (!held.has(one.exchange)) {
      const [sign, facts] = [h("b"), h("span", { class: "facts-line" })];
      held.set(one.exchange, { sign, facts, node: h("li", {}, sign, facts) });
    }
    const chip = held.get(one.exchange);
    chip.node.className = `chip ${one.state}`;
    put(chip.sign, `${SIGN[one.state] ?? "○"} ${one.exchange}`);
    const gaps = `gaps ${one.gaps_open} open, ${one.gaps_repaired} repaired`;
    const live = `${number(one.trades_per_s)}/s · lag ${number(one.delay_ms, " ms")} · clock ${number(one.clock_offset_ms, " ms")} · ${gaps}`;
    put(chip.facts, one.state === "connected" ? live : `${one.state} · ${gaps}`, one.detail);
    return chip.node;
  });
  arrange($("chips"), rows);
  put($("rates"), status ? `${number(status.trades_per_s)} trades/s · ${status.lag === null || status.lag === undefined ? "" : `${status.lag} to read`}` : "");
  const source = { simulator: "Simulated", replay: "Replay" }[status?.source];
  $("source").hidden = !source;
  put($("source"), source ?? "", source ? "These are no live trades of an exchange" : "");
  $("dagster").hidden = !status?.dagster;
  if (status?.dagster && $("dagster").getAttribute("href") !== status.dagster) $("dagster").href = status.dagster;
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
  closable($("status-dialog"));
  $("banner-act").addEventListener("click", () => act?.());
  $("status-open").addEventListener("click", () => {
    details(status);
    $("status-dialog").showModal();
  });
  document.addEventListener("whale:key", (event) => {
    locked = !event.detail;
    draw();
    if (!locked) location.reload();
  });
  setInterval(draw, 1000);
  draw();
}

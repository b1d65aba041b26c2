// The dialog about one whale, or about the whales behind one marker. Which whale is open stands in the address, so that
// it can be shared and the browser's back closes it. A whale that is not known, or a server that is away, is said in it.

import { $, closable, h, put } from "../lib/dom.js";
import { get } from "../data/api.js";
import { SIDE, quantity, tier, usd } from "../lib/format.js";
import { aroundPart, hourPart, lineagePart, pricePart, windowPart } from "./whale-parts.js";
import { link, onView, setView, view } from "../data/url-state.js";
import { pathOf, whaleRow } from "./whale-row.js";
import { walkable } from "../lib/keyboard-list.js";

let leave = null;
let dagster = () => null;

function address(path) {
  const [exchange, ...rest] = path.split("/");
  const id = rest.pop();
  return `/whales/${exchange}/${encodeURIComponent(rest.join("/"))}/${id}`;
}

export function title(whale) {
  const { name } = tier(whale);
  const mark = name === "whale" ? "" : `, ${name}`;
  return `${SIDE[whale.side]} ${quantity(whale.quantity)} ${whale.base ?? `of ${whale.symbol}`} for ${usd(whale.notional_usd)}${mark}`;
}

async function show(path) {
  leave?.abort();
  const mine = (leave = new AbortController());
  put($("context-title"), "Whale");
  $("context-body").replaceChildren(h("p", { class: "empty", text: "Loading…" }));
  $("context-copy").hidden = false;
  if (!$("context").open) $("context").showModal();
  try {
    const found = await get(address(path), {}, mine.signal);
    if (mine.signal.aborted) return;
    put($("context-title"), title(found.whale));
    $("context-title").className = found.whale.side;
    $("context-body").replaceChildren(
      pricePart(found), windowPart(found), lineagePart(found, dagster()), hourPart(found), aroundPart(found),
    );
    $("context-body").querySelector(".around .here")?.scrollIntoView({ block: "center" });
    $("context-body").scrollTop = 0;
  } catch (error) {
    if (mine.signal.aborted) return;
    const text = error.status === 404 ? "This whale is not known here: it may be older than what is kept." : `It can't be loaded: ${error.message}.`;
    const again = h("button", { type: "button", class: "tool", text: "Try again", onclick: () => show(path) });
    $("context-body").replaceChildren(h("p", { class: "error", text }), again);
  }
}

export const openWhale = (path) => setView({ whale: path });

/** The whales behind a marker: one is opened, several are listed. */
export function openWhales(whales) {
  if (whales.length < 2) return whales.length && openWhale(pathOf(whales[0]));
  leave?.abort();
  put($("context-title"), `${whales.length} whales of this bar, taker ${whales[0].side}`);
  $("context-title").className = whales[0].side;
  $("context-copy").hidden = true;
  const body = h("tbody", {}, ...whales.slice(0, 200).map((whale) => whaleRow(whale)));
  const head = h("tr", {}, ...["Time", "Taker", "Market", "Price", "Notional"].map((text) => h("th", { scope: "col", text })));
  $("context-body").replaceChildren(h("table", { class: "list tape" }, h("thead", {}, head), body));
  walkable(body, (row) => openWhale(row.dataset.whale)).settle();
  $("context").showModal();
}

async function copy() {
  const text = new URL(link(), location.href).href;
  try {
    await navigator.clipboard.writeText(text);
    put($("context-copy"), "Copied");
  } catch {
    const field = h("input", { class: "permalink", readonly: true, value: text, "aria-label": "Link to this whale" });
    $("context-body").prepend(field);
    field.select();
  }
  setTimeout(() => put($("context-copy"), "Copy link"), 2000);
}

/** address: gives Dagster's address or null. */
export function startContext(dagsterAddress) {
  dagster = dagsterAddress;
  const dialog = $("context");
  closable(dialog);
  dialog.addEventListener("close", () => {
    leave?.abort();
    if (view.whale) setView({ whale: "" });
  });
  $("context-copy").addEventListener("click", copy);
  onView((changed) => {
    if (!changed.has("whale")) return;
    if (view.whale) show(view.whale);
    else if (dialog.open) dialog.close();
  });
  if (view.whale) show(view.whale);
}

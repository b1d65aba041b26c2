// The dialog about one whale, or about the whales behind one marker. Which whale is open stands in the address, so that
// it can be shared and the browser's back closes it. A whale that is not known, or a server that is away, is said in it.

import { byId, element, makeClosable, setText } from "../lib/dom.js";
import { get } from "../data/api.js";
import { SIDE, quantity, tier, usd } from "../lib/format.js";
import { aroundPart, hourPart, lineagePart, pricePart, windowPart } from "./whale-parts.js";
import { link, onView, setView, view } from "../data/url-state.js";
import { pathOf, whaleRow } from "./whale-row.js";
import { keyboardList } from "../lib/keyboard-list.js";

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
  setText(byId("context-title"), "Whale");
  byId("context-body").replaceChildren(element("p", { class: "empty", text: "Loading…" }));
  byId("context-copy").hidden = false;
  if (!byId("context").open) byId("context").showModal();
  try {
    const found = await get(address(path), {}, mine.signal);
    if (mine.signal.aborted) return;
    setText(byId("context-title"), title(found.whale));
    byId("context-title").className = found.whale.side;
    byId("context-body").replaceChildren(
      pricePart(found), windowPart(found), lineagePart(found, dagster()), hourPart(found), aroundPart(found),
    );
    byId("context-body").querySelector(".around .here")?.scrollIntoView({ block: "center" });
    byId("context-body").scrollTop = 0;
  } catch (error) {
    if (mine.signal.aborted) return;
    const text = error.status === 404 ? "This whale is not known here: it may be older than what is kept." : `It can't be loaded: ${error.message}.`;
    const again = element("button", { type: "button", class: "tool", text: "Try again", onclick: () => show(path) });
    byId("context-body").replaceChildren(element("p", { class: "error", text }), again);
  }
}

export const openWhale = (path) => setView({ whale: path });

/** The whales behind a marker: one is opened, several are listed. */
export function openWhales(whales) {
  if (whales.length < 2) return whales.length && openWhale(pathOf(whales[0]));
  leave?.abort();
  setText(byId("context-title"), `${whales.length} whales of this bar, taker ${whales[0].side}`);
  byId("context-title").className = whales[0].side;
  byId("context-copy").hidden = true;
  const body = element("tbody", {}, ...whales.slice(0, 200).map((whale) => whaleRow(whale)));
  const head = element("tr", {}, ...["Time", "Taker", "Market", "Price", "Notional"].map((text) => element("th", { scope: "col", text })));
  byId("context-body").replaceChildren(element("table", { class: "list tape" }, element("thead", {}, head), body));
  keyboardList(body, (row) => openWhale(row.dataset.whale)).settle();
  byId("context").showModal();
}

async function copy() {
  const text = new URL(link(), location.href).href;
  try {
    await navigator.clipboard.writeText(text);
    setText(byId("context-copy"), "Copied");
  } catch {
    const field = element("input", { class: "permalink", readonly: true, value: text, "aria-label": "Link to this whale" });
    byId("context-body").prepend(field);
    field.select();
  }
  setTimeout(() => setText(byId("context-copy"), "Copy link"), 2000);
}

/** address: gives Dagster's address or null. */
export function startContext(dagsterAddress) {
  dagster = dagsterAddress;
  const dialog = byId("context");
  makeClosable(dialog);
  dialog.addEventListener("close", () => {
    leave?.abort();
    if (view.whale) setView({ whale: "" });
  });
  byId("context-copy").addEventListener("click", copy);
  onView((changed) => {
    if (!changed.has("whale")) return;
    if (view.whale) show(view.whale);
    else if (dialog.open) dialog.close();
  });
  if (view.whale) show(view.whale);
}

// Starts every part of the page, in the order in which a reader needs them, and hands each message of the stream to
// those it concerns. A part that fails to start is told in the console and does not keep the others from starting.

import { byId, makeClosable, oncePerFrame } from "./lib/dom.js";
import { LiveStream } from "./data/live-stream.js";
import { pref, setPref } from "./lib/prefs.js";
import { chartCatchUp, chartShown, chartThreshold, chartWhale, chartWindows, startChart } from "./price/price-panel.js";
import { flowAgain, flowLoad, flowShown, flowWhale, startFlow } from "./flow/flow-panel.js";
import { busiest, loadMarkets, market, marketWindows, marketsShown, onMarkets, startMarkets, threshold } from "./markets/markets-panel.js";
import { pressureLoad, pressureShown, pressureWindows, startPressure } from "./pressure/pressure-panel.js";
import { onView, setView, startView, view } from "./data/url-state.js";
import { openWhale, openWhales, startContext } from "./whale/whale-dialog.js";
import { quoteTrades, startQuote } from "./quote/quote-panel.js";
import { dagsterAddress, startStatus, statusDown, statusMessage, statusUp } from "./status/status-panel.js";
import { startKeys } from "./data/api.js";
import { startSound } from "./lib/sound.js";
import { startTape, tapeAgain, tapeFill, tapeShown, tapeUp, tapeWhale } from "./tape/tape-panel.js";
import { startTheme } from "./lib/theme.js";

let connected = false; // ever
let missed = false; // an attempt or a connection was lost since the last one that stood

const take = {
  windows: (message) => {
    marketWindows(message.windows);
    chartWindows(message.windows);
    pressureWindows(message.windows);
  },
  trades: (message) => quoteTrades(message.trades),
  whale: (message) => {
    tapeWhale(message.whale);
    chartWhale(message.whale);
    flowWhale(message.whale);
  },
  status: statusMessage,
  gap: (message) => {
    if (message.topic !== "trades") chartCatchUp();
    if (message.topic === "whales") tapeFill(message.reason.includes("taken back"));
    if (message.topic === "windows") {
      loadMarkets();
      pressureLoad();
    }
  },
};

const stream = new LiveStream({
  message: (message) => take[message.type]?.(message),
  down: (since, wait) => {
    missed = true;
    statusDown(connected ? since : 0, wait);
  },
  up: () => {
    statusUp();
    if (missed || !market(view)) loadMarkets();
    if (missed) {
      chartCatchUp();
      pressureLoad();
      flowLoad();
    }
    tapeUp(Boolean(stream.cursor));
    connected = true;
    missed = false;
  },
});

function follow() {
  if (view.symbol) stream.subscribe("trades", ["trades"], { symbols: [view.symbol], exchanges: [view.exchange] });
}

/** The first market, where the address names none: the busiest. */
function choose() {
  const first = view.symbol ? null : busiest();
  if (first) setView({ exchange: first.exchange, symbol: first.symbol }, true);
}

const redrawn = oncePerFrame(() => {
  chartShown();
  tapeShown();
  marketsShown();
  pressureShown();
  flowShown();
});

function tabs() {
  const buttons = document.querySelectorAll(".tabs button");
  const show = (name) => {
    document.body.dataset.tab = name;
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.tab === name);
    redrawn();
  };
  for (const button of buttons) button.addEventListener("click", () => show(button.dataset.tab));
  show("chart");
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    show("tape");
    byId("tape").focus();
  });
  addEventListener("resize", redrawn);
}

function keys() {
  makeClosable(byId("help"));
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea, dialog")) return;
    if (event.key === "?") byId("help").showModal();
    else if (event.key === "/") {
      document.querySelector('.tabs [data-tab="markets"]').click();
      byId("search").focus();
      byId("search").select();
    } else return;
    event.preventDefault();
  });
}

function zone() {
  byId("zone").value = pref("zone", "utc");
  byId("zone").addEventListener("change", (event) => {
    setPref("zone", event.target.value);
    tapeAgain();
    chartShown();
    flowAgain();
  });
}

/** The shell for days without a server; a browser that has no service workers just lacks that. */
async function offline() {
  if (!("serviceWorker" in navigator)) return;
  try {
    const ready = await navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready);
    const loaded = performance.getEntriesByType("resource").map((entry) => new URL(entry.name));
    const shell = loaded.filter((url) => url.origin === location.origin && /^\/(dashboard|vendor)\//.test(url.pathname));
    ready.active.postMessage({ keep: ["/", "/manifest.webmanifest", ...shell.map((url) => url.pathname)] });
  } catch (error) {
    console.info("no offline start:", error.message);
  }
}

startView();
const parts = [
  startTheme, tabs, keys, zone, startKeys, startSound, startQuote,
  () => startStatus(() => stream.now()),
  () => startMarkets(),
  () => startChart(threshold, openWhales),
  () => startTape(openWhale),
  startPressure,
  () => startFlow(openWhale),
  () => startContext(dagsterAddress),
];
for (const start of parts) {
  try {
    start();
  } catch (error) {
    console.error(error);
  }
}
onMarkets(choose);
onMarkets(chartThreshold);
onView((changed) => (changed.has("symbol") || changed.has("exchange")) && follow());
stream.subscribe("windows", ["windows"]);
stream.subscribe("whales", ["whales"]);
stream.subscribe("status", ["status"]);
follow();
stream.start();
loadMarkets();
addEventListener("load", offline);

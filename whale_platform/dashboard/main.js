// Starts every part of the page, in the order in which a reader needs them, and hands each message of the stream to the
// panels. Which elements are panels stands in index.html, what a panel is in lib/panel.js.

import { byId, oncePerFrame } from "./lib/dom.js";
import { Panels, attempt } from "./lib/panel.js";
import { startSound } from "./lib/sound.js";
import { startTheme } from "./lib/theme.js";
import { LiveStream } from "./data/live-stream.js";
import { MarketCatalogue } from "./data/market-catalogue.js";
import { onView, setView, startView, view } from "./data/url-state.js";
import { FlowPanel } from "./flow/flow-panel.js";
import { SizePanel } from "./flow/size-panel.js";
import { MarketsPanel } from "./markets/markets-panel.js";
import { askKey, isAsking, startKeys } from "./page/key-dialog.js";
import { News } from "./page/news.js";
import { keepOffline } from "./page/offline.js";
import { startShortcuts } from "./page/shortcuts.js";
import { hasTabs, showTab, startTabs } from "./page/tabs.js";
import { startZone } from "./page/zone.js";
import { PressurePanel } from "./pressure/pressure-panel.js";
import { PricePanel } from "./price/price-panel.js";
import { QuotePanel } from "./quote/quote-panel.js";
import { ReportsPanel } from "./reports/reports-panel.js";
import { StatusPanel } from "./status/status-panel.js";
import { TapePanel } from "./tape/tape-panel.js";
import { ThresholdsPanel } from "./thresholds/thresholds-panel.js";
import { WhaleDialog } from "./whale/whale-dialog.js";

/** @import { Message } from "./data/messages.d.ts" */
/** @import { Panel } from "./lib/panel.js" */

let connected = false; // ever
let missed = false; // an attempt or a connection was lost since the last one that stood

const panels = new Panels();
const markets = new MarketCatalogue();
const stream = new LiveStream({ message: handleMessage, up: handleUp, down: handleDown });
const news = new News(byId("say"));

/** @type {Record<string, (root: HTMLElement) => Panel>} What an element with this `data-panel` becomes. */
const KINDS = {
  quote: (root) => new QuotePanel(root, markets),
  status: (root) => new StatusPanel(root, { reconnect: () => stream.connectNow(), askKey, isAsking }),
  markets: (root) => new MarketsPanel(root, markets, () => hasTabs() && showTab("chart")),
  price: (root) => new PricePanel(root, markets, (whales) => panels.tell("onPick", whales)),
  tape: (root) => new TapePanel(root, markets, news),
  pressure: (root) => new PressurePanel(root, markets),
  "size-flow": (root) => new SizePanel(root),
  flow: (root) => new FlowPanel(root, markets),
  whale: (root) => new WhaleDialog(root, markets),
  reports: (root) => new ReportsPanel(root),
  thresholds: (root) => new ThresholdsPanel(root, markets),
};

/** @param {Message} message */
function handleMessage(message) {
  if (message.type === "tickers") panels.tell("onPrices", markets.addTickers(message.tickers));
  else if (message.type === "windows") panels.tell("onWindows", message.windows);
  else if (message.type === "trades") panels.tell("onTrades", message.trades);
  else if (message.type === "whale") panels.tell("onWhale", message.whale);
  else if (message.type === "status") panels.tell("onStatus", message);
  else if (message.type === "gap") {
    if (message.topic === "tickers") markets.reload();
    panels.tell("onGap", message);
  }
}

function handleUp() {
  panels.tell("onConnect", Boolean(stream.cursor));
  if (missed) markets.reload();
  else if (!markets.find(view)) markets.load();
  if (missed) panels.tell("onReconnect");
  connected = true;
  missed = false;
}

/** @param {number} since @param {number} retryIn */
function handleDown(since, retryIn) {
  missed = true;
  panels.tell("onDisconnect", connected ? since : 0, retryIn);
}

/** Have windows and trades of the market in sight sent: the list of all markets needs no more than tickers. */
function follow() {
  const shown = { symbols: [view.symbol], exchanges: [view.exchange] };
  if (view.symbol) stream.subscribe("shown", ["windows", "trades"], shown);
}

/** Choose the first market, where the address names none: the busiest. */
function choose() {
  const first = view.symbol ? null : markets.busiest();
  if (first) setView({ exchange: first.exchange, symbol: first.symbol }, true);
}

startView();
attempt(startTheme);
attempt(() => startTabs(oncePerFrame(() => panels.tell("onVisible"))));
attempt(startShortcuts);
attempt(() => startZone(() => panels.tell("onZone")));
attempt(startKeys);
attempt(startSound);
panels.start(document, KINDS);
markets.onLoad(choose);
markets.start();
onView((changed) => (changed.has("symbol") || changed.has("exchange")) && follow());
stream.subscribe("tickers", ["tickers"]);
stream.subscribe("whales", ["whales"]);
stream.subscribe("status", ["status"]);
follow();
stream.start();
markets.load();
addEventListener("load", keepOffline);

// Opens the form of thresholds over an API that answers what a test says.

import { makeRoot, settled, textOf } from "./fake-page.mjs";
import { serve } from "./fake-api.mjs";
import { view } from "../../whale_platform/dashboard/data/url-state.js";
import { ThresholdsPanel } from "../../whale_platform/dashboard/thresholds/thresholds-panel.js";

export const FIELDS = ["threshold_usd", "large_usd", "giant_usd"];
const PARTS = [
  ...["open", "dialog", "form", "held", "choices", "none", "estimate", "save", "remove", "locked", "error", "said"],
  ...["market", ...FIELDS].flatMap((name) => [name, `${name}-error`]),
];
const amounts = { threshold_usd: "50000", large_usd: "250000", giant_usd: "1000000", set_tiers: [], hours_usd: null };
const since = { origin: "set", valid_from: "1970-01-01T00:00:00Z", version: "1" };
export const EVERYTHING = { exchange: "*", symbol: "*", ...amounts, ...since };
const own = { exchange: "okx", symbol: "A/B", threshold_usd: "70000", set_tiers: ["giant"], version: "2" };
export const OWN = { ...EVERYTHING, ...own };
const choices = [
  { per_day: 10, usd: "98500", alerts: [9, 10] },
  { per_day: 5, usd: "150000", alerts: [5, 5] },
  { per_day: null, usd: "50000", alerts: null },
];
const SUGGESTION = {
  ...{ exchange: "okx", symbol: "A/B", days: 2, until: "2026-03-02T00:00:00Z" },
  ...{ usd: "98500", choices, hours_of_week: [] },
};
// Of four weeks: Sundays at 23:00 have an amount of their own, and Mondays at 00:00; the others have none.
export const BY_HOUR = {
  ...SUGGESTION,
  choices: [...choices.slice(0, 2), { per_day: 10, usd: "8000", alerts: [9, 11], by_hour: true }, choices[2]],
  hours_of_week: [
    { hour_of_week: 167, usd: "8000", alerts: 1 },
    { hour_of_week: 0, usd: "120000", alerts: 3 },
  ],
};

/** The panel with its form open; `change` answers what is no GET, and a GET waits for `load`. */
export async function openForm({
  rows = [EVERYTHING],
  readOnly = null,
  change = () => null,
  load = async () => {},
  suggestion = SUGGESTION,
} = {}) {
  const asked = serve(async (url) => {
    if (url.method !== "GET") return change(url);
    await load(url);
    return { items: url.pathname === "/thresholds" ? rows : [suggestion], read_only: readOnly };
  });
  const root = makeRoot("thresholds", PARTS);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  part("dialog").showModal = () => {};
  let loads = 0;
  const markets = { list: () => [{ exchange: "okx", symbol: "A/B" }], load: async () => (loads += 1) };
  Object.assign(view, { exchange: "okx", symbol: "A/B" });
  const panel = new ThresholdsPanel(root, markets);
  panel.start();
  panel.onStatus({ type: "status", exchanges: [{ exchange: "binance_block" }] });
  part("open").dispatch("click");
  await settled();
  const submit = async () => {
    part("form").dispatch("submit");
    await settled();
    await settled();
  };
  return { asked, part, root, submit, loads: () => loads, text: (name) => textOf(root, name) };
}

// Stands in for the API: answers `fetch` by a function of the address and remembers what was asked.

export const iso = (seconds) => new Date(seconds * 1000).toISOString();

/**
 * answer(url): what the JSON is, null for none; what it throws, the server refuses with (an Error with `status` and
 * `problem`, if it has them). Has `method`, `body` and `headers`.
 */
export function serve(answer) {
  const asked = [];
  globalThis.fetch = async (address, { method = "GET", body = "null", headers } = {}) => {
    const url = Object.assign(new URL(address, "http://page"), { method, body: JSON.parse(body), headers });
    asked.push(url);
    try {
      const said = await answer(url);
      return { ok: true, status: said === null ? 204 : 200, json: async () => said };
    } catch (error) {
      const { message: detail, status = 503, problem } = error;
      return { ok: false, status, json: async () => ({ detail, ...problem }) };
    }
  };
  return asked;
}

/** A window or, with `hour`, a rollup. */
export function bar(start, trades = 1, close = "100.0") {
  const sums = { volume: "2", notional: "200", buy_volume: "1", trade_count: trades };
  return { window_start: iso(start), hour: iso(start), open: close, high: close, low: close, close, ...sums };
}

export function whale(id, time, usd = "60000", more = {}) {
  const market = { exchange: "sim", symbol: "BTCUSDT", kind: "single_trade", tier: "whale" };
  return { ...market, trade_id: id, side: "buy", notional_usd: usd, event_time: iso(time), ...more };
}

/** A trade that continues the order which began with trade `first`. */
export const fill = (id, first, time) => whale(id, time, "60000", { sweep_first_id: first });

/** The sweep from trade `id` after so many fills of 20,000 dollars. */
export function sweep(id, time, fills, more = {}) {
  const sums = { kind: "sweep", fills, levels: 2, last_trade_id: id + fills - 1, first_price: "100", price: "101" };
  return whale(id, time, String(20_000 * fills), { ...sums, slippage_bps: "100", ...more });
}

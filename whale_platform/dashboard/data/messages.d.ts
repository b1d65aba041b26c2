// What the server sends, as the page uses it: rows of the REST API and messages of /stream. Money and prices are decimal
// strings, times RFC 3339 in UTC. /openapi.json and the API's JSON Schema of /stream have all of it.

export type Side = "buy" | "sell";

export interface Named {
  exchange: string;
  symbol: string;
}

/** A day (`2026-11-21`, UTC) that has a report, and where its page is. */
export interface DailyReport {
  day: string;
  path: string;
}

/** Null where it is not known; `usd_via`: how an amount in `quote` becomes dollars, null where it has no dollar value. */
export interface Currencies {
  base: string | null;
  quote: string | null;
  usd_via: string | null;
}

export interface Bar {
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  notional: string;
  buy_volume: string;
  trade_count: number;
}

export interface TradeWindow extends Named, Bar {
  window_start: string;
  updated_at: string;
  first_trade_id: number;
  last_trade_id: number;
}

export interface StoredWindow extends TradeWindow {
  vwap: string;
}

export interface Rollup extends Named, Bar {
  hour: string;
}

export interface TradeSample extends Named {
  price: string;
  event_time: string;
}

/** The closes of an exchange's markets in one minute, by symbol. */
export interface Tickers {
  exchange: string;
  minute: string;
  closes: Record<string, string>;
}

/** What the markets of an exchange trade; no sum over exchanges takes two kinds. */
export type MarketKind = "spot" | "perpetual" | "block" | "liquidation";

export type Kind = "single_trade" | "sweep" | "block" | "liquidation";
export type Tier = "whale" | "large" | "giant";

/** `fills` and what follows are of sweeps, null of others; a sweep's sums and ids are those so far. */
export interface Whale extends Named, Currencies {
  kind: Kind;
  trade_id: number;
  side: Side;
  price: string;
  quantity: string;
  notional_usd: string;
  threshold_usd: string;
  tier: Tier;
  event_time: string;
  received_time: string;
  detected_time: string;
  source: string;
  run_id: string;
  vwap: string | null;
  fills: number | null;
  levels: number | null;
  first_price: string | null;
  last_trade_id: number | null;
  /** Of a single trade that is not the first fill of its order: the id of that one. */
  sweep_first_id: number | null;
  slippage_bps: string | null;
}

export interface Page<Row> {
  items: Row[];
  next: string | null;
}

export interface SymbolRow extends Named, Currencies {
  market_kind: MarketKind;
  threshold_usd: string | null;
  note: string | null;
}

/**
 * A threshold that is set; `*` means any. USD of each tier; those of `set_tiers` are set, the others follow.
 * `hours_usd`: amounts of the 168 hours of the week, UTC from Monday on, in the place of `threshold_usd`.
 */
export interface Threshold extends Named {
  threshold_usd: string;
  large_usd: string;
  giant_usd: string;
  set_tiers: ("large" | "giant")[];
  hours_usd: (string | null)[] | null;
  valid_from: string;
  origin: "set" | "suggested";
  updated_at: string;
  version: string;
}

/** `read_only`: why the reader can't set any. */
export interface Thresholds {
  items: Threshold[];
  read_only: string | null;
}

/**
 * An amount, and the orders at or over it on each day; null where they are more than were counted. `by_hour`: hours of
 * the week have amounts of their own, of which `usd` is the least.
 */
export interface SuggestedChoice {
  per_day: number | null;
  usd: string;
  by_hour?: boolean;
  alerts: number[] | null;
}

export interface Suggestion extends Named {
  per_day: number;
  days: number;
  until: string;
  usd: string;
  choices: SuggestedChoice[];
  hours_of_week: { hour_of_week: number; usd: string }[];
}

/** The last 24 hours, or since the first trade. */
export interface Day {
  since: string;
  change: string | null;
  notional: string;
}

export interface LatestRow extends Named {
  price: string;
  window: { start: string; open: string; high: string; low: string };
  day: Day | null;
  stale: boolean;
  quiet: boolean;
  reason: string | null;
}

export interface Sparkline extends Named {
  times: number[];
  closes: string[];
}

export interface SizeBin {
  from_usd: number;
  to_usd: number | null;
  buys: number;
  sells: number;
}

export interface HourFlow {
  hour: string;
  whales: number;
  buy_usd: string;
  sell_usd: string;
}

export interface MarketKindFlow {
  market_kind: MarketKind;
  whales: number;
  buy_usd: string;
  sell_usd: string;
}

/** `others`: of the kinds of markets that the sums leave out. */
export interface WhaleSummary {
  market_kind: MarketKind;
  others: MarketKindFlow[];
  from: string;
  to: string;
  whales: number;
  buy_usd: string;
  sell_usd: string;
  hours: HourFlow[];
  sizes: SizeBin[];
  top: Whale[];
}

export interface Report {
  hour: string;
  whales: number;
  single_trades: number;
  sweeps: number;
  blocks: number;
  buy_usd: string;
  sell_usd: string;
  net_flow_usd: string;
  share: string;
  materialised_at: string;
}

export interface ExchangeStatus {
  exchange: string;
  state: "connected" | "connecting" | "unavailable" | "silent";
  detail: string;
  trades_per_s: number;
  delay_ms: number | null;
  clock_offset_ms: number | null;
  gaps_open: number;
  gaps_repaired: number;
  reconnects: number;
  symbols: number;
}

export interface ServiceStatus {
  name: string;
  state: string;
  detail: string;
  age_s: number | null;
  lag: number | null;
}

/** Until a second after the start there is only `feed`. */
export interface StatusMessage {
  type: "status";
  feed?: "ready" | "waiting";
  detail?: string;
  stale?: boolean;
  reason?: string | null;
  source?: "live" | "simulator" | "replay";
  dagster?: string | null;
  exchanges?: ExchangeStatus[];
  services?: ServiceStatus[];
  trades_per_s?: number;
  lag?: number | null;
}

/** Messages of a topic that a client missed and that are not sent again. */
export interface Gap {
  type: "gap";
  topic: string;
  reason: string;
  since: string | null;
}

interface Sequenced {
  seq: number;
}

export type Message =
  | ({ type: "hello"; epoch: string } & Sequenced)
  | ({ type: "subscribed"; cursor?: string } & Sequenced)
  | ({ type: "windows"; windows: TradeWindow[] } & Sequenced)
  | ({ type: "tickers"; tickers: Tickers[] } & Sequenced)
  | ({ type: "trades"; trades: TradeSample[] } & Sequenced)
  | ({ type: "whale"; whale: Whale; cursor: string } & Sequenced)
  | ({ type: "heartbeat"; cursor?: string } & Sequenced)
  | StatusMessage
  | Gap
  | { type: "error"; message: string };

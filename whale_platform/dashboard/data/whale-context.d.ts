// What /whales/{exchange}/{symbol}/{trade_id} answers, as the page uses it: one whale and what was around it.

import { Report, Side, StoredWindow, Whale } from "./messages.d.ts";

export interface TradeBeside {
  trade_id: number;
  side: Side;
  price: string;
  quantity: string;
  notional: string;
  event_time: string;
  /** Whether it is the whale's trade, of a sweep one of its fills. */
  in_whale: boolean;
}

export type PriceAfter = "after_1s" | "after_10s" | "after_1" | "after_5" | "after_15";

export interface VolumeShare {
  notional: string | null;
  share: string | null;
  /** Whether the minute or hour is over: until then it is what it is so far. */
  over: boolean;
}

export interface ImpactFit {
  factor: number | null;
  factor_error: number | null;
  volatility: number;
  sweeps: number;
  note: string | null;
}

export interface Measures {
  minute: VolumeShare;
  hour: VolumeShare;
  streak: number | null;
  net_flow_usd: string | null;
  moved_bps: string | null;
  expected_bps: string | null;
  outcome: "absorbed" | "as_expected" | "broke_through" | null;
  fit: ImpactFit | null;
}

export interface ClusterMember {
  exchange: string;
  symbol: string;
  market_kind: string;
  kind: "single_trade" | "sweep";
  trade_id: number;
  event_time: string;
  notional_usd: string;
}

export interface Cluster {
  side: "buy" | "sell";
  orders: number;
  exchanges: number;
  spot_usd: string | null;
  perpetual_usd: string | null;
  members: ClusterMember[];
  false_discovery_rate: number;
}

export interface WhaleContext {
  whale: Whale;
  sweep: Whale | null;
  parts: Whale[];
  cluster: Cluster | null;
  window: StoredWindow | null;
  windows: StoredWindow[];
  prices: Record<"before" | PriceAfter, string | null> | null;
  measures: Measures | null;
  report: Report | null;
  trade: { topic: string; partition: number; offset: number; timestamp: string | null } | null;
  trade_missing: string | null;
  around: TradeBeside[];
  run: { id: string; service: string; started: string | null; code: string };
}

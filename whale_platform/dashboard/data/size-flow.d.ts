// What `/flow` answers: dollars as decimal strings, times as RFC 3339.

export interface SizeBandFlow {
  from_usd: number;
  to_usd: number | null;
  buy_usd: string;
  sell_usd: string;
  cvd_usd: string;
  buy_orders: number;
  sell_orders: number;
}

/** `bands`: the smallest orders first; null where no trade had a dollar value. */
export interface MarketFlow {
  exchange: string;
  symbol: string;
  trades: number;
  unvalued_trades: number;
  bands: SizeBandFlow[] | null;
}

/** `from` and `to` are null before the first minute is stored. */
export interface SizeFlows {
  from: string | null;
  to: string | null;
  items: MarketFlow[];
}

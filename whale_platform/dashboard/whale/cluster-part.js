// The cluster in a whale's context: the whales of its base and side that came within seconds on several exchanges.

import { element } from "../lib/dom.js";
import { clock, kindName, usd, whole } from "../lib/format.js";
import { none, part, table } from "./part.js";

/** @import { Cluster, ClusterMember, WhaleContext } from "../data/whale-context.d.ts" */

const HEADING = "Its cluster";
const NONE_KNOWN =
  "It is in none that is known. An hour is searched 19 minutes after its end; one never searched looks the same.";
/** @type {[string, boolean][]} */
const NAMES = [["Time", false], ["Market", false], ["What", false], ["Notional", true]];

/** What a cluster is, in a sentence: dollars of spot and of perpetuals apart. @param {Cluster} cluster */
export function clusterText(cluster) {
  const { spot_usd: spot, perpetual_usd: perpetual, false_discovery_rate: rate } = cluster;
  const sums = [
    ...(spot === null ? [] : [`${usd(spot)} spot`]),
    ...(perpetual === null ? [] : [`${usd(perpetual)} perpetual`]),
  ].join(" and ");
  const size = `Part of a cluster of ${cluster.orders} on ${cluster.exchanges} exchanges`;
  const q = rate < 0.001 ? "q < 0.001" : `q = ${rate.toFixed(3)}`;
  return `${size}, ${cluster.side === "buy" ? "bought" : "sold"}: ${sums}, ${q}`;
}

/** @param {WhaleContext} context */
export function clusterPart({ cluster }) {
  if (!cluster) {
    return part("cluster", HEADING, none(NONE_KNOWN));
  }
  const text = element("p", {
    text: clusterText(cluster),
    title: "q: the expected share of false ones among the clusters of its hour with this score or a better one",
  });
  return part("cluster", HEADING, text, table(NAMES, cluster.members.map(memberRow)));
}

/** @param {ClusterMember} member */
function memberRow(member) {
  return element(
    "tr",
    {},
    element("td", { text: clock(member.event_time, "full").split(", ").at(-1) }),
    element("td", { text: `${member.symbol} on ${member.exchange} (${member.market_kind})` }),
    element("td", { text: kindName(member) }),
    element("td", { class: "num", text: usd(member.notional_usd), title: whole(member.notional_usd) }),
  );
}

"""Figures of the lake's hours for audits and recomputing: ids, sums by minute, aggregates, prices."""

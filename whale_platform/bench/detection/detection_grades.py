"""Precision and recall of robots and clusters by size and noise, and false alarms a day at shuffled times."""

import random
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from whale_platform.backtest.cluster_search import ClusterRequest, read_held_orders
from whale_platform.backtest.clusters import find_clusters
from whale_platform.backtest.grades import GradeRequest, build_object, grade_range
from whale_platform.backtest.robot_search import RobotRequest, read_stretches, search_orders
from whale_platform.bench.detection.planted_world import SECOND_US, WorldPlan, lay_planted_world
from whale_platform.domain.whale import build_threshold_periods

START = datetime(2026, 3, 2, tzinfo=UTC)
WORLDS = 10
ROBOT_MOVE_US, CLUSTER_MOVE_US = 300 * SECOND_US, 120 * SECOND_US


def measure_detection(folder: Path, plan: WorldPlan, whale_usd: int) -> dict[str, Any]:
    """Grade a planted world, then search the same orders at shuffled times."""
    root = folder / "lake" / "trades"
    planted = lay_planted_world(root, plan)
    end = plan.start + timedelta(hours=plan.hours)
    thresholds = build_threshold_periods((), Decimal(whale_usd))
    began = time.perf_counter()
    lines = grade_range(root, GradeRequest(plan.start, end, thresholds, planted))
    took = time.perf_counter() - began
    return {
        "hours": plan.hours,
        "planted_robots": len({one.group for one in planted if one.kind != "cluster"}),
        "planted_clusters": len({one.group for one in planted if one.kind == "cluster"}),
        "grades": [build_object(line) for line in lines if line.subject != "sweeps"],
        "sweeps": [build_object(line) for line in lines if line.subject == "sweeps"],
        "grading_s": round(took, 1),
        "shuffled": {
            "robots_a_day": round(_count_shuffled_robots(root, plan, end) * 24 / plan.hours, 2),
            **_count_shuffled_clusters(root, plan, whale_usd),
        },
    }


def _count_shuffled_robots(root: Path, plan: WorldPlan, end: datetime) -> int:
    """How many robots are found where each order is moved by up to five minutes."""
    dice, found = random.Random(plan.seed), 0
    for periods_s, orders in read_stretches(root, RobotRequest(plan.start, end), lambda *_: None):
        moved = [order._replace(time=order.time + dice.randrange(-ROBOT_MOVE_US, ROBOT_MOVE_US)) for order in orders]
        moved.sort(key=lambda order: order.time)
        found += sum(score.period_s in periods_s for score, _ in search_orders(moved))
    return found


def _count_shuffled_clusters(root: Path, plan: WorldPlan, whale_usd: int) -> dict[str, float]:
    """The clusters of worlds in which each whale is moved by up to two minutes: a day, and in how many hours."""
    end = plan.start + timedelta(hours=plan.hours)
    request = ClusterRequest(plan.start, end, build_threshold_periods((), Decimal(whale_usd)))
    dice, orders = random.Random(plan.seed), read_held_orders(root, request)
    counts: list[int] = []
    for _ in range(WORLDS):
        moved = [
            order._replace(time=order.time + dice.randrange(-CLUSTER_MOVE_US, CLUSTER_MOVE_US)) for order in orders
        ]
        hours = (int(plan.start.timestamp() + number * 3600) * SECOND_US for number in range(plan.hours))
        counts += [len(find_clusters(moved, hour, hour + 3600 * SECOND_US)) for hour in hours]
    return {
        "whales_a_day": round(len(orders) * 24 / plan.hours),
        "clusters_a_day": round(sum(counts) * 24 / len(counts), 2),
        "hours_with_clusters": round(sum(count > 0 for count in counts) / len(counts), 4),
        "hours": len(counts),
    }

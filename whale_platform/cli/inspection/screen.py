"""Rendering only: a status snapshot (home_state.py) and rows (recent_rows.py) become tables; nothing is fetched."""

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from whale_platform.cli.inspection.recent_rows import RecentRows
from whale_platform.domain.names import SINGLE_TRADE, SWEEP
from whale_platform.supervision.deployment import describe_outdated

STYLES = {
    "ready": "green",
    "degraded": "yellow",
    "waiting": "dim",
    "starting": "cyan",
    "backoff": "magenta",
    "blocked": "bold red",
    "stopped": "dim",
}
_SOURCES = {
    "simulator": ("SIMULATED", "generated trades, not real ones"),
    "replay": ("REPLAY", "recorded trades, played again"),
}


def render_source(state: dict[str, Any]) -> Text:
    """Where the trades come from; loud unless they are live."""
    source = state["source"]
    if source["kind"] not in _SOURCES:
        return Text("LIVE trades from the exchanges", style="bold green")
    word, means = _SOURCES[source["kind"]]
    text = Text(f" {word} ", style="bold black on yellow")
    return text.append(f" {means}; {source['state']}, {source['trades_sent']:,} sent", style="yellow")


def render_services(state: dict[str, Any]) -> Table:
    """A row per service."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("service", "state", "pid", "uptime", "beat", "trades/s", "lag", "restarts"):
        table.add_column(name, justify="left" if name in ("service", "state") else "right", no_wrap=True)
    for name, service in state["services"].items():
        table.add_row(
            name,
            Text(service["state"], style=STYLES.get(service["state"], "")),
            _format_value(service["pid"]),
            _format_age(service["uptime_s"]),
            _format_age(service["last_beat_s"]),
            _format_number(service.get("trades_per_s", service.get("rows_per_s"))),
            _format_number(service.get("lag")),
            _format_value(service["restarts"] or None),
        )
    return table


def render_details(state: dict[str, Any]) -> Text:
    """What services say of themselves, a line each, and which run other code than is checked out."""
    said = [f"{name}: {service['detail']}" for name, service in state["services"].items() if service["detail"]]
    by_code: dict[str, list[str]] = {}
    for name, service in state["services"].items():
        by_code.setdefault(service.get("old_code", ""), []).append(name)
    for code in sorted(by_code.keys() - {""}):
        said.append(describe_outdated(", ".join(by_code[code]), code, state["checkout"]))
    return Text("\n".join(_mask_unprintable(line) for line in said if not line.endswith(": done")), style="yellow")


def render_windows(rows: RecentRows) -> Table:
    """The newest minute per symbol."""
    table = Table(box=None, pad_edge=False, header_style="dim", title="Newest windows", title_justify="left")
    for name in ("exchange", "symbol", "minute", "close", "vwap", "notional", "trades"):
        table.add_column(name, justify="left" if name in ("exchange", "symbol") else "right", no_wrap=True)
    for row in rows.windows:
        table.add_row(
            row.exchange,
            row.symbol,
            f"{row.start:%H:%M}",
            f"{row.close:f}",
            f"{row.vwap:.8g}",
            f"{row.notional:,.0f}",
            f"{row.trades:,}",
        )
    return table


def render_whales(rows: RecentRows) -> Table:
    """The newest whales, a sweep in the place of its fills."""
    table = Table(box=None, pad_edge=False, header_style="dim", title="Newest whales", title_justify="left")
    for name in ("time (UTC)", "exchange", "symbol", "kind", "side", "price", "quantity", "USD"):
        table.add_column(name, justify="right" if name in ("price", "quantity", "USD") else "left", no_wrap=True)
    for row in rows.whales:
        table.add_row(
            f"{row.time:%H:%M:%S}",
            row.exchange,
            row.symbol,
            {SINGLE_TRADE: "trade", SWEEP: f"sweep of {row.fills}"}.get(row.kind, row.kind),
            Text(row.side, style="green" if row.side == "buy" else "red"),
            f"{row.price:f}",
            f"{row.quantity:f}",
            f"{row.usd:,.0f}",
        )
    return table


def render_totals(state: dict[str, Any]) -> Text:
    """One line: speed, lag, gaps."""
    ingester, stream = state["services"].get("ingester", {}), state["services"].get("stream", {})
    parts = [
        f"{_format_number(ingester.get('trades_per_s')) or '–'} trades/s",
        f"stream lag {_format_number(stream.get('lag')) or '–'}",
    ]
    if (latency := ingester.get("exchange_to_receive_p50")) is not None:
        parts.append(f"exchange to here {latency:.0f} ms")
    gaps = ingester.get("gaps_open", 0)
    text = Text("   ".join(parts))
    return text.append(f"   {gaps} open gaps", style="bold yellow" if gaps else "dim")


def render_screen(state: dict[str, Any], rows: RecentRows, height: int) -> RenderableType:
    """The live screen for a terminal of `height` lines: what does not fit is left off at the end of the tables."""
    room = max(4, height - len(state["services"]) - 12)
    shown = RecentRows(rows.windows[: max(2, room - len(rows.whales))], rows.whales, rows.problem)
    parts: list[RenderableType] = [
        render_source(state),
        render_totals(state),
        Text(),
        render_services(state),
        render_details(state),
        Text(),
    ]
    if rows.problem:
        parts.append(Text(f"no rows to show: {rows.problem}", style="yellow"))
    else:
        parts += [render_windows(shown), Text(), render_whales(shown)]
    left_off = len(rows.windows) - len(shown.windows)
    parts.append(
        Text(
            f"{f'{left_off} more symbols; ' if left_off and not rows.problem else ''}Ctrl-C stops everything",
            style="dim",
        )
    )
    return Group(*parts)


def render_line(state: dict[str, Any], rows: RecentRows) -> str:
    """The same in one plain line, for logs and pipes."""
    bad = [f"{name} {service['state']}" for name, service in state["services"].items() if service["state"] != "ready"]
    newest = f"; newest whale {rows.whales[0].symbol} ${rows.whales[0].usd:,.0f}" if rows.whales else ""
    start = f"{render_source(state).plain.strip()}: {render_totals(state).plain}"
    return f"{start}{newest}{'; ' + ', '.join(bad) if bad else ''}"


def render_disk(disk: dict[str, Any]) -> Text:
    """Free space and what each store takes of it; loud where too little is left."""
    free = [f"{one['free'] / 1e9:.1f} of {one['total'] / 1e9:.1f} GB free" for one in disk["disks"].values()]
    stores = sorted(disk["stores"].items(), key=lambda item: -item[1])
    parts = [" + ".join(free), *(f"{name} {_format_bytes(size)}" for name, size in stores if size)]
    text = Text(f"disk {', '.join(parts)}")
    return text.append(f"\n{disk['detail']}", style="bold yellow") if disk["detail"] else text


def print_status(console: Console, state: dict[str, Any]) -> None:
    """`whale status` for people."""
    console.print(render_source(state))
    console.print(f"home {state['home']}", highlight=False)
    for name, url in state["urls"].items():
        console.print(f"{name} {url}", highlight=False)
    console.print(render_disk(state["disk"]), highlight=False)
    if not state["running"]:
        console.print("[yellow]not running[/]: start it with `whale up`")
    if state["services"]:
        console.print(render_services(state))
        console.print(render_details(state))


def _format_value(value: Any) -> str:
    return "" if value is None else str(value)


def _mask_unprintable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _format_number(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else ""


def _format_bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _format_age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    whole_s = max(0, int(seconds))
    hours, rest = divmod(whole_s, 3600)
    return f"{hours}h{rest // 60:02}m" if hours else f"{rest // 60}m{rest % 60:02}s" if rest >= 60 else f"{whole_s}s"

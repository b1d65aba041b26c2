"""`whale threshold`: the table in Postgres, with its errors in the operator's words."""

import sys
from contextlib import closing
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whale_platform.cli.commands import threshold_hours
from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.error_messages import explain_errors
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.cli.common.time_input import parse_time
from whale_platform.domain.suggestion import DAYS, LEAST_WEEKS, PER_DAY, SuggestionRange
from whale_platform.domain.whale import (
    ANY,
    GIANT_TIMES,
    LARGE_TIMES,
    HourlyUsd,
    TierLimits,
    build_tier_limits,
    choose_valid_from,
    explain_disorder,
    explain_hours_disorder,
)
from whale_platform.exchanges import registry
from whale_platform.lake.analysis import order_sizes
from whale_platform.reports import suggestions
from whale_platform.stores.asset_tables import threshold_suggestions, thresholds
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.queries import latest_states

if TYPE_CHECKING:
    from whale_platform.settings import Settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What counts as a whale, in US dollars; taken up while running."
)


@app.command("list")
def list_thresholds(home: HomeOption = None) -> None:
    """Every threshold, with the amounts of large and giant whales; the most specific counts, `*` means any."""
    settings = load_home_settings(require_home(home))
    with explain_errors():
        dsn = settings.dsn()
        ours = thresholds.read_suggested(dsn)
        held = thresholds.read_held_thresholds(dsn)
    for exchange, symbol in sorted(held.usd):
        amounts = held.limits_of((exchange, symbol))
        notes = ["suggested"] if (exchange, symbol) in ours else []
        if (exchange, symbol) in held.hours:
            notes.append(threshold_hours.describe_hours(held.hours[exchange, symbol]))
        described = " ".join(f"{usd:>18,f}" for usd in amounts)
        print(f"{exchange:<14} {symbol:<14} {described}  {'; '.join(notes)}".rstrip())


@app.command("set")
def change_threshold(
    symbol: str,
    usd: Annotated[
        str | None, typer.Argument(help="From so many an order is a whale; with `--hours suggested` as suggested.")
    ] = None,
    exchange: Annotated[str, typer.Option(help="One exchange's name; any by default.")] = ANY,
    hours: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|suggested",
            help="Amounts for hours of the week, in the place of USD: a file of 168, from Monday 00:00 UTC on (`-` for "
            "USD), or `suggested` for those that `whale threshold suggest` has found.",
        ),
    ] = None,
    large: Annotated[
        str | None, typer.Option(help=f"From so many USD on a whale is a large one; {LARGE_TIMES} times USD.")
    ] = None,
    giant: Annotated[str | None, typer.Option(help=f"And from so many a giant one; {GIANT_TIMES} times USD.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Time of the trades, UTC, from which it holds, such as 2026-11-21T10:00; now."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Set the threshold of SYMBOL (`*` for all) to USD, in all hours of the week or but for those of `--hours`."""
    if usd is None and hours != threshold_hours.SUGGESTED:
        raise UserError("give the USD from which an order is a whale, such as 100000 or 99999.50")
    if symbol == ANY and hours == threshold_hours.SUGGESTED:
        raise UserError("amounts by hour of the week are suggested of a market, not of all: name its symbol")
    asked = None if usd is None else _parse_limits(usd, large, giant)
    of_file = None
    if hours not in (None, threshold_hours.SUGGESTED):
        of_file = threshold_hours.read_hours(Path(str(hours)), _parse_amount)
    settings = load_home_settings(require_home(home))
    valid_from = choose_valid_from(parse_time(since) if since else None, settings.source)
    places = [(exchange, ANY)] if symbol == ANY else _find_markets(settings, exchange, symbol)
    with explain_errors(), closing(ConnectionPool(settings.dsn, "whale-thresholds", 1)) as pool:
        traded = latest_states.list_markets(pool)
        wanted = list[tuple[tuple[str, str], TierLimits, HourlyUsd | None]]()
        for place in places:
            limits, of_hours = asked, of_file
            if hours == threshold_hours.SUGGESTED:
                suggested, of_hours = threshold_hours.read_suggested_hours(pool, *place)
                limits = limits or _parse_limits(str(suggested), large, giant)
            assert limits is not None
            _check_hours(of_hours, large, giant)
            wanted.append((place, limits, of_hours))
        for place, limits, of_hours in wanted:
            set_large, set_giant = (None if large is None else limits.large), (None if giant is None else limits.giant)
            thresholds.set_threshold(
                settings.dsn(), *place, limits.whale, valid_from, large=set_large, giant=set_giant, hours=of_hours
            )
    for place, limits, of_hours in wanted:
        waits = "" if place[1] == ANY or place in traded else "; no trade of it has come yet"
        amounts = f"{limits.whale:,f} USD on, as large from {limits.large:,f}, as giant from {limits.giant:,f}"
        by_hour = "" if of_hours is None else f"; {threshold_hours.describe_hours(of_hours)}"
        print(f"whale: {place[0]} {place[1]} counts from {amounts}{by_hour}{waits}", file=sys.stderr)


@app.command("remove")
def remove_threshold(
    symbol: str,
    exchange: Annotated[str, typer.Option(help="One exchange's name; any by default.")] = ANY,
    home: HomeOption = None,
) -> None:
    """Remove the threshold of SYMBOL, as `list` names it, so that a less specific one applies from now on.

    While recorded trades are replayed it applies to all of them, and what was set for SYMBOL leaves the history.
    """
    settings = load_home_settings(require_home(home))
    if (exchange, symbol) == (ANY, ANY):
        raise UserError("the threshold of everything can't be removed: set another one")
    with explain_errors():
        valid_from = choose_valid_from(None, settings.source)
        removed = thresholds.remove_threshold(settings.dsn(), exchange, symbol, valid_from)
    if not removed:
        raise UserError(f"{exchange} {symbol} has no threshold of its own: `whale threshold list` has all")
    print(f"whale: {exchange} {symbol} has no threshold of its own any more", file=sys.stderr)


@app.command("suggest")
def suggest_thresholds(
    symbol: Annotated[str, typer.Argument(help="One symbol, as the exchange spells it; all by default.")] = ANY,
    exchange: Annotated[str, typer.Option(help="One exchange's name; any by default.")] = ANY,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days of the lake, up to the last whole hour.")] = DAYS,
    per_day: Annotated[int, typer.Option(min=1, max=1000, help="Alerts a day that a symbol should give.")] = PER_DAY,
    hours: Annotated[
        bool, typer.Option("--hours", help=f"By hour of the week too; needs {7 * LEAST_WEEKS} days.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """From the lake's orders: the amount that gives so many alerts a day, and what other amounts would have given.

    Sets nothing; the API serves what was found last. A sweep counts as one order, and no fill of it beside it.
    """
    settings = load_home_settings(require_home(home))
    asked = SuggestionRange(order_sizes.get_last_whole_hour(), days, per_day)
    with explain_errors():
        held = thresholds.read_held_thresholds(settings.dsn())
        found = order_sizes.find_suggestions(settings.trades_lake, asked, held)
        threshold_suggestions.store_suggestions(settings.dsn(), asked, found)
    shown = [one for one in found if symbol in (ANY, one.symbol) and exchange in (ANY, one.exchange)]
    for one in shown:
        print(f"{one.exchange} {one.symbol}: {one.usd:,f} USD for {per_day} alerts a day, of {one.trades:,} trades")
        for choice in one.choices:
            print(f"  {suggestions.describe_choice(choice)}")
        for line in suggestions.describe_hours(one, asked) if hours else ():
            print(f"  {line}")
    if not shown:
        print(suggestions.NONE)


def _check_hours(hours: HourlyUsd | None, large: str | None, giant: str | None) -> None:
    tiers = (None if text is None else _parse_amount(text) for text in (large, giant))
    if hours is not None and (disorder := explain_hours_disorder(hours, *tiers)):
        raise UserError(f"--hours: {disorder}")


def _parse_limits(usd: str, large: str | None, giant: str | None) -> TierLimits:
    amount = _parse_amount(usd)
    limits = build_tier_limits(amount, *(None if text is None else _parse_amount(text) for text in (large, giant)))
    if disorder := explain_disorder(limits):
        raise UserError(disorder)
    return limits


def _parse_amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise UserError(f"{text!a} is not an amount: write 100000 or 99999.50") from None
    if not amount.is_finite() or amount <= 0:
        raise UserError(f"{amount} can't be a threshold: it must be more than 0")
    return amount


def _find_markets(settings: "Settings", exchange: str, symbol: str) -> list[tuple[str, str]]:
    """(exchange, symbol) for each exchange that has it: `BTC` is one on every exchange."""
    try:
        adapters = [one for one in registry.build_adapters(settings) if exchange in (ANY, one.name)]
        if not adapters:
            raise UserError(
                f"--exchange {exchange}: none of {', '.join(one.name for one in registry.build_adapters(settings))}"
            )
        found = registry.assign_symbols(adapters, [symbol])
    except ValueError as error:
        raise UserError(str(error)) from None
    return [(name, spelled) for name, symbols in found.items() for spelled in symbols]

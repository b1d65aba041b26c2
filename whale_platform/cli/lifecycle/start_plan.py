"""From the options of `up` to settings that can work, before anything is started or written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whale_platform import homes
from whale_platform.cli.common.context import build_settings
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.lifecycle import exchange_probe

if TYPE_CHECKING:
    from whale_platform.settings import Settings

SOURCES = ("auto", "live", "simulator", "replay")
OPTIONS = {
    "replay_speed": "--speed",
    "replay_times": "--times",
    "symbols": "--symbols",
    "simulator_rate": "--rate",
    "replay_files": "--file",
}


@dataclass(frozen=True, slots=True)
class StartOptions:
    """`up` as typed; None or empty where not given."""

    source: str | None = None
    files: tuple[Path, ...] = ()
    speed: float | None = None
    times: str | None = None
    symbols: str | None = None
    rate: float | None = None
    home: Path | None = None


def make_plan(options: StartOptions, write_line: Callable[[str], None]) -> "Settings":
    """The settings to start with, their home opened. Raises UserError, HomeError.

    `write_line` is given one line on how `auto` was decided.
    """
    base = build_settings({})
    source, files = _choose_source(options, base)
    files = files or (base.replay_files if source == "replay" else ())
    _check_options(options, source, files)
    given: dict[str, Any] = {
        "replay_speed": options.speed,
        "replay_times": options.times,
        "symbols": options.symbols,
        "simulator_rate": options.rate,
        "replay_files": tuple(path.expanduser().resolve() for path in files) or None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if source == "auto":
        source = _detect_source(build_settings(given, OPTIONS), write_line)
    if source == "replay" and options.symbols is None:
        given |= read_recorded_markets(given["replay_files"])
    settings = build_settings({**given, "source": source}, OPTIONS)
    _check_symbols(settings)
    folder = homes.choose_base_folder(options.home)
    home = homes.open_home(folder, settings.source, settings.replay_files, settings.replay_times)
    return build_settings({**given, "source": source, "home": home.path}, OPTIONS)


def read_recorded_markets(files: Sequence[Path]) -> dict[str, Any]:
    """The exchanges and symbols that are in the recordings. Raises UserError where nothing is."""
    from whale_platform.simulator.play.capture_files import list_recorded_symbols

    try:
        found = list_recorded_symbols(list(files))
    except (OSError, ValueError) as error:
        raise UserError(f"--file: {error}") from None
    if not any(found.values()):
        raise UserError(f"--file: no trades of a known exchange in {', '.join(map(str, files))}")
    return {
        "exchanges": tuple(found),
        "symbols": tuple(f"{exchange}:{symbol}" for exchange, symbols in found.items() for symbol in symbols),
    }


def _choose_source(options: StartOptions, base: "Settings") -> tuple[str, tuple[Path, ...]]:
    kind, colon, file = (options.source or "").partition(":")
    files = (Path(file), *options.files) if file else options.files
    if kind and (kind not in SOURCES or (colon and kind != "replay")):
        raise UserError(f"--source {options.source}: one of {', '.join(SOURCES)}, or replay:FILE")
    if kind:
        return kind, files
    if files:
        return "replay", files
    return (base.source if "source" in base.model_fields_set else "auto"), files


def _check_options(options: StartOptions, source: str, files: tuple[Path, ...]) -> None:
    if source == "replay" and not files:
        raise UserError("--source replay needs --file FILE (as often as there are files)")
    for path in files:
        if source != "replay":
            raise UserError(f"--file {path}: only --source replay plays files")
        if path.is_dir():
            raise UserError(f"--file {path} is a folder: name the files in it")
        if not path.is_file():
            raise UserError(f"--file {path}: there is no such file")
    if source != "replay" and options.times is not None:
        raise UserError("--times belongs to --source replay")
    if source in ("live", "auto") and options.speed is not None:
        raise UserError("--speed belongs to --source replay or simulator")
    if source != "simulator" and options.rate is not None:
        raise UserError("--rate belongs to --source simulator")


def _check_symbols(settings: "Settings") -> None:
    from whale_platform.exchanges import registry

    if not settings.symbols or not settings.exchanges:
        raise UserError("--symbols names nothing: give at least one, such as BTC")
    try:
        exchanges = registry.build_adapters(settings)
        registry.check_order_books(exchanges, registry.assign_symbols(exchanges, settings.symbols))
    except ValueError as error:
        raise UserError(str(error)) from None


def _detect_source(settings: "Settings", write_line: Callable[[str], None]) -> str:
    try:
        found = exchange_probe.probe_exchanges(settings)
    except ValueError as error:
        raise UserError(str(error)) from None
    answering = [one.exchange for one in found if one.streams]
    reasons = ", ".join(f"{one.exchange}: {one.stream_detail}" for one in found if not one.streams)
    if answering:
        write_line(
            f"live trades: {' and '.join(answering)} answered" + (f" ({reasons}; it is tried again)" if reasons else "")
        )
        return "live"
    write_line(
        f"no exchange can be reached from here ({reasons}): using the SIMULATOR; its trades are generated, not real"
    )
    return "simulator"

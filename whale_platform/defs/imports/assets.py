"""Past trades as an asset: the exchange's public dumps in `HOME/import`, or those named, into the lake.

Importing is idempotent and resumable (lake/imports/importer.py), so making the asset again after a failure does the
rest. A broken file fails the run with a sentence and changes nothing; the files before it are in. Each file that is
through is an event of its own, from which its hours are asked for (sensors.py), whatever becomes of the files
after it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from whale_platform.defs.lineage.assets import OWNERS
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.partitions import group_consecutive
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.domain import catalogue
from whale_platform.exchanges import symbols
from whale_platform.exchanges.registry import DUMPS, join_names
from whale_platform.reports.tables import render_table
from whale_platform.settings import Settings
from whale_platform.version import code_version

if TYPE_CHECKING:
    from whale_platform.lake.imports.importer import ImportResult


HOURS_METADATA = "hours_of_trades"  # in the metadata: [first, last] partition of each stretch


class ImportConfig(dg.Config):
    """What the launchpad asks for."""

    exchange: str = Field(next(iter(DUMPS)), description=f"Whose files these are: {join_names(tuple(DUMPS), 'or')}.")
    files: list[str] = Field([], description="Zips as it publishes them; empty: every zip in HOME/import.")
    pairs: list[str] = Field(
        [], description="Base and quote of symbols that the exchange's list has not, such as BTC/U."
    )


@dg.asset(
    key=["lake", "imported_trades"],
    group_name="lake",
    kinds={"parquet", "deltalake"},
    owners=OWNERS,
    code_version=hash_modules(
        "whale_platform.lake.imports.importer",
        "whale_platform.lake.imports.dump_file",
        *(f"whale_platform.exchanges.{name}.dump_format" for name in DUMPS),
    ),
    pool="imports",  # a second import would be refused; so it waits
)
def imported_trades(
    context: dg.AssetExecutionContext, config: ImportConfig, platform: PlatformSettings
) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
    """An exchange's daily and monthly dumps of spot trades, each trade once beside those that came live."""
    from whale_platform.lake.errors import LakeError
    from whale_platform.lake.imports import dump_file, importer  # 90 MB in processes that never need them

    settings = platform.read()
    if settings.source == "simulator":
        raise dg.Failure("this home holds simulated trades, which must not mix with real ones", allow_retries=False)
    root = settings.trades_lake
    done: dict[str, ImportResult] = {}

    def log_progress(step: str, done_hours: int, total: int) -> None:
        if step == "importing":
            context.log.info(f"{dump.path.name}: {done_hours} of {total} hours")

    if config.exchange not in DUMPS:
        known = join_names(tuple(DUMPS))
        raise dg.Failure(f"exchange {config.exchange!a}: only the dumps of {known} are known", allow_retries=False)
    try:
        split = symbols.build_splitter(catalogue.load_catalogue(settings.home, config.exchange), config.pairs)
    except ValueError as wrong:
        raise dg.Failure(str(wrong), allow_retries=False) from None
    try:
        for dump in [dump_file.parse_dump_name(config.exchange, path, split) for path in _find_files(settings, config)]:
            about = {"run": context.run.run_id, "code": code_version()}
            done[dump.path.name] = one = importer.import_dump(root, dump, about, log_progress)
            told = {
                HOURS_METADATA: dg.MetadataValue.json(group_consecutive(one.hours)),
                "new_rows": dg.MetadataValue.int(one.new),
            }
            yield dg.AssetMaterialization(context.asset_key, dump.path.name, told)  # at once
    except LakeError as error:
        raise dg.Failure(str(error), {"files": _render_files(done)} if done else None, allow_retries=False) from None
    hours = {hour for one in done.values() for hour in one.hours}
    yield dg.MaterializeResult(
        metadata={
            "files": len(done),
            "rows": sum(one.rows for one in done.values()),
            "new_rows": sum(one.new for one in done.values()),
            "hours": len(hours),
            "first_hour": min(hours).isoformat(),
            "last_hour": max(hours).isoformat(),
            "by_file": _render_files(done),
        }
    )


def _find_files(settings: Settings, config: ImportConfig) -> list[Path]:
    folder = settings.home.resolve() / "import"
    found = [Path(name) for name in config.files] or sorted(folder.glob("*.zip"))
    if not found:
        raise dg.Failure(f"no file to import: put zips into {folder}, or name them in `files`", allow_retries=False)
    return found


def _render_files(results: "dict[str, ImportResult]") -> dg.MarkdownMetadataValue:
    rows = [
        (
            name,
            f"{one.rows:,}",
            f"{one.repeated:,}",
            f"{one.new:,}",
            len(one.hours),
            f"{one.hours[0]:%Y-%m-%d %H:%M}",
            f"{one.hours[-1]:%Y-%m-%d %H:%M}",
            "right" if one.checked else "not there",
        )
        for name, one in results.items()
    ]
    return dg.MetadataValue.md(
        render_table(("file", "rows", "repeated", "new", "hours", "first", "last", "CHECKSUM"), rows)
    )

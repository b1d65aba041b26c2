"""The check that looks at the disks: a full one stops everything, so it is to be seen long before."""

import dagster as dg

from whale_platform.defs.lineage.assets import RAW_KEY
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.files import disk_usage


@dg.asset_check(asset=RAW_KEY, description="A tenth of each disk is free.")
def enough_disk(platform: PlatformSettings) -> dg.AssetCheckResult:
    """Free bytes of the home's disks, and what each store takes, as last measured."""
    home = platform.folder
    wrong = disk_usage.describe_low_disks(home)
    return dg.AssetCheckResult(
        passed=not wrong,
        metadata={
            **{f"free_{name}": room.free for name, room in disk_usage.read_disk_spaces(home).items()},
            **{f"bytes_{name}": size for name, size in disk_usage.read_store_sizes(home).items()},
            "wrong": wrong or "nothing",
        },
    )


CHECKS = (enough_disk,)

"""The second confirmation of jobs that delete: the name of the home, for more than is usually deleted."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import Field

from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.domain.deletion_limits import UnconfirmedDeletionError
from whale_platform.settings import Settings


class DeletionConfig(dg.Config):
    """What the launchpad asks for, whatever is deleted."""

    dry_run: bool = Field(True, description="Dry run: only list what would be done.")
    confirm_home: str = Field(default="", description="The name of this home's folder, to delete more than usual.")


def home_name(settings: Settings) -> str:
    """What `confirm_home` has to be, such as `live`."""
    return settings.home.resolve().name


@contextmanager
def explain_unconfirmed(platform: PlatformSettings) -> Iterator[None]:
    """UnconfirmedDeletionError becomes a Failure that says how to confirm."""
    try:
        yield
    except UnconfirmedDeletionError as error:
        name = platform.folder.name
        raise dg.Failure(f"{error}: set `confirm_home: {name}` if you mean it", allow_retries=False) from None


def is_confirmed(config: DeletionConfig, platform: PlatformSettings) -> bool:
    """Whether the home was named. Raises Failure where another one was."""
    name = platform.folder.name
    if config.confirm_home not in ("", name):
        text = f"confirm_home is {config.confirm_home!a}, but this home is {name!a}: nothing was done"
        raise dg.Failure(text, allow_retries=False)
    return config.confirm_home == name

"""Which home a command means, and that home's settings as they are in use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from whale_platform import homes
from whale_platform.cli.common.errors import UserError
from whale_platform.supervision.control.state_files import read_state
from whale_platform.supervision.runtime.settings_reader import describe_setting_error

if TYPE_CHECKING:
    from whale_platform.settings import Settings


def require_home(option: Path | None) -> homes.Home:
    """The home named by `--home`, or the last one used. Raises UserError where nothing has run yet."""
    folder = homes.choose_base_folder(option)
    home = homes.find_current_home(folder)
    if home is None:
        raise UserError(f"nothing has run in {folder} yet: start it with `whale up`")
    return home


def build_settings(given: dict[str, Any], options: dict[str, str] | None = None) -> "Settings":
    """Settings with `given` over environment and `.env`. Raises UserError naming the wrong variable or option."""
    from pydantic import ValidationError

    from whale_platform.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        raise UserError(describe_setting_error(error, options or {})) from None


def load_home_settings(home: homes.Home) -> "Settings":
    """The settings of a home that has run: its ports as they were last used, the rest from the environment."""
    state = read_state(home.path) or {}
    ports = {name.removeprefix("WHALE_").lower(): port for name, port in state.get("ports", {}).items()}
    return build_settings({"home": home.path, "source": home.source, **ports})

"""`whale restart`: one service, or all that run this package's code, by requests that the supervisor takes up."""

from collections.abc import Callable

from whale_platform.cli.common.errors import UserError
from whale_platform.homes import Home
from whale_platform.supervision.control import desired_state, service_commands
from whale_platform.supervision.control.state_files import parts_at_work, read_living


def restart(home: Home, service: str) -> None:
    """Stop and start it, and wait until it works. Raises UserError where it is unknown, stopped, blocked or fails."""
    if read_living(home.path, service) is None and not parts_at_work(home.path):
        raise UserError("the platform is not running: start it with `whale up`")
    try:
        service_commands.wait(service_commands.restart(home.path, service))
    except service_commands.Refused as refused:
        raise UserError(str(refused)) from None


def restart_all(home: Home, say: Callable[[str], None]) -> None:
    """Take the code that is checked out: migrations first, then one service after the other, each awaited.

    What a person has stopped stays so. Interrupted, what is left goes on with the code it has. Raises UserError.
    """
    state = read_living(home.path)
    kept = parts_at_work(home.path) if state is None else list(state["services"])
    for name in service_commands.ALL:
        if (state is None and not kept) or (name in kept and desired_state.read(home.path, name).running):
            restart(home, name)
            say(f"  {name:<14} restarted")

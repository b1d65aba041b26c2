"""`whale restart`: one service, or all that run this package's code, by requests that the supervisor takes up."""

from collections.abc import Callable

from whale_platform.cli.common.errors import UserError
from whale_platform.homes import Home
from whale_platform.supervision.control import desired_state, service_commands
from whale_platform.supervision.control.state_files import list_working_parts, read_working_state
from whale_platform.supervision.errors import CommandRefusedError


def restart_service(home: Home, service: str) -> None:
    """Stop and start it, and wait until it works. Raises UserError where it is unknown, stopped, blocked or fails."""
    if read_working_state(home.path, service) is None and not list_working_parts(home.path):
        raise UserError("the platform is not running: start it with `whale up`")
    try:
        service_commands.complete_command(service_commands.restart_service(home.path, service))
    except CommandRefusedError as refused:
        raise UserError(str(refused)) from None


def restart_all(home: Home, write_line: Callable[[str], None]) -> None:
    """Take the code that is checked out: migrations first, then one service after the other, each awaited.

    What a person has stopped stays so. Interrupted, what is left goes on with the code it has. Raises UserError.
    """
    state = read_working_state(home.path)
    kept = list_working_parts(home.path) if state is None else list(state["services"])
    for name in service_commands.RESTART_ORDER:
        if (state is None and not kept) or (name in kept and desired_state.read_desired_state(home.path, name).running):
            restart_service(home, name)
            write_line(f"  {name:<14} restarted")

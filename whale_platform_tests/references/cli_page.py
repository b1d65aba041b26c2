"""cli.md: the help of every command, as the command line itself prints it, without frames and colours."""

from collections.abc import Iterator
from typing import Any

import typer
import typer.main

from whale_platform.bootstrap import checks
from whale_platform.cli import app as application
from whale_platform_tests.references.markdown import page

WIDTH = 100
ABOUT = "What `./whale COMMAND --help` prints. What a home is set to is in [settings](settings.md)."
OF_A_CHECKOUT = """## whale test

`./whale test [--fast] [ARGUMENTS]` runs the tools of `./whale check`, then the tests. The arguments are pytest's;
`--fast` leaves out the tests that start servers or kill processes."""


def render() -> str:
    """Return the page."""
    group = typer.main.get_command(application.app)
    sections = [_section(name, text) for name, text in _helps(group, typer.Context(group, info_name="whale"))]
    return page("Command line", ABOUT, *sections, _section("whale check", checks.USAGE), OF_A_CHECKOUT)


def _helps(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """Yield (name as typed, help) of a command and of those below it; hidden ones have none."""
    command.rich_markup_mode = None
    context.terminal_width = WIDTH
    yield context.command_path, command.get_help(context)
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        sub = command.get_command(context, name)
        if not sub.hidden:
            yield from _helps(sub, typer.Context(sub, info_name=name, parent=context))


def _section(name: str, text: str) -> str:
    return f"## {name}\n\n```text\n{text.strip()}\n```"

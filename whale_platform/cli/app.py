"""The command line: options and help here, the work in the other files, imported only by the command that needs it."""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from whale_platform import proxy_bypass
from whale_platform.cli.common.errors import USER_ERROR, UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.cli.inspection import status as command_status
from whale_platform.homes import HomeError
from whale_platform.toolchain.errors import ToolchainError
from whale_platform.version import version_text

# Names of sub-commands and where their typer apps are; heavy ones are imported only when called.
LAZY_COMMANDS = {
    "threshold": "whale_platform.cli.commands.thresholds",
    "api-key": "whale_platform.cli.commands.api_keys",
    "bench": "whale_platform.bench.app",
    "checkpoint": "whale_platform.cli.commands.checkpoint",
    "query": "whale_platform.cli.commands.query",
    "export": "whale_platform.cli.commands.export",
    "import": "whale_platform.cli.commands.dump_import",
    "audit": "whale_platform.cli.commands.audit",
    "lake": "whale_platform.cli.commands.lake",
    "backtest": "whale_platform.cli.commands.backtest",
    "robots": "whale_platform.cli.commands.robots",
    "clusters": "whale_platform.cli.commands.clusters",
}


class LazyCommandGroup(typer.core.TyperGroup):
    """Adds the sub-commands of LATER that this installation has."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, also those not imported yet."""
        return [*super().list_commands(ctx), *(name for name, module in LAZY_COMMANDS.items() if _is_installed(module))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Imports the sub-command where it is one of LATER."""
        module = LAZY_COMMANDS.get(cmd_name)
        if module is None or not _is_installed(module):
            return super().get_command(ctx, cmd_name)
        command = typer.main.get_command(importlib.import_module(module).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyCommandGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(requested: bool) -> None:
    if requested:
        print(f"whale {version_text()}")
        raise typer.Exit


@app.callback()
def whale(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print version and commit.")
    ] = False,
    home: Annotated[Path | None, typer.Option("--home", hidden=True)] = None,
) -> None:
    """Every large crypto trade seen within milliseconds, none lost, every number traceable.

    Every command has --help and --home, given after its name. Exit codes: 0 done; 1 it failed, or found something
    wrong; 2 a mistake in the command, or what it needs is not running; others are in the command's help.

    A checkout has two more: `./whale check` runs the static tools, `./whale test` these and then the tests.
    """
    if home is not None:
        raise UserError(f"--home comes after the command: `whale status --home {home}`")


@app.command()
def up(
    source: Annotated[
        str | None, typer.Option(metavar="auto|live|simulator|replay", help="Where trades come from (default: auto).")
    ] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", help="A recording to replay; repeat for more.")] = None,
    speed: Annotated[float | None, typer.Option(help="Times as fast as recorded or generated.")] = None,
    times: Annotated[
        str | None, typer.Option(metavar="original|now", help="A replay's times: as recorded, or shifted to now.")
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="Comma-separated: BTC, BTCUSDT or binance:BTCUSDT.")] = None,
    rate: Annotated[float | None, typer.Option(help="The simulator's trades a second.")] = None,
    home: HomeOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once every service is ready, and leave it running.")
    ] = False,
) -> None:
    """Run everything: real trades from socket to Postgres. Ctrl-C stops it all in order."""
    from whale_platform.cli.lifecycle import up as command
    from whale_platform.cli.lifecycle.start_plan import StartOptions

    options = StartOptions(source, tuple(file or ()), speed, times, symbols, rate, home)
    raise typer.Exit(command.run_up(options, detach))


@app.command()
def down(home: HomeOption = None) -> None:
    """Stop everything in order."""
    from whale_platform.cli.common.context import require_home
    from whale_platform.cli.lifecycle import supervisor_process

    there = require_home(home)
    stopped = supervisor_process.stop_supervisor(there, lambda text: print(text, file=sys.stderr, flush=True))
    print(f"whale: {'stopped' if stopped else 'nothing was running in'} {there.path}", file=sys.stderr)


@app.command()
def status(
    home: HomeOption = None, as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False
) -> None:
    """How everything is. Exit code: 0 all ready, 3 not running, 4 something is not ready."""
    raise typer.Exit(command_status.show_status(home, as_json))


@app.command()
def restart(
    service: Annotated[str | None, typer.Argument(help="Which one; `whale status` names them.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that runs this code, one after the other, migrations first.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Stop and start one service; also lifts what it was blocked by. `--all` takes new code after a `git pull`."""
    from whale_platform.cli.common.context import require_home
    from whale_platform.cli.lifecycle import service_restart

    if everything == (service is not None):
        raise UserError("name one service, or --all")
    if service is None:
        service_restart.restart_all(require_home(home), lambda text: print(text, file=sys.stderr, flush=True))
    else:
        service_restart.restart_service(require_home(home), service)
    print(f"whale: {service or 'everything'} is ready", file=sys.stderr)


@app.command()
def doctor(home: HomeOption = None) -> None:
    """Check Java, memory, disk, ports and the exchanges; each finding with its fix. Exit code 1 if one is bad."""
    from rich.console import Console
    from rich.markup import escape

    from whale_platform import homes
    from whale_platform.cli.common.context import build_settings, load_home_settings
    from whale_platform.cli.lifecycle import doctor as command
    from whale_platform.topology import home_state

    folder = homes.choose_base_folder(home)
    there = homes.find_current_home(folder)
    settings = load_home_settings(there) if there is not None else build_settings({"home": folder})
    console, bad = Console(soft_wrap=True, highlight=False), False
    for finding in command.check_machine(settings, home_state.take_snapshot(there) if there is not None else None):
        bad = bad or finding.level == "bad"
        fix = f"\n     -> {escape(finding.fix)}" if finding.fix else ""
        console.print(f"{command.SIGNS[finding.level]} {finding.what:<9} {escape(finding.observed)}{fix}")
    raise typer.Exit(1 if bad else 0)


@app.command()
def logs(
    service: str,
    lines: Annotated[int, typer.Option("-n", min=0, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("-f", help="Go on with what comes.")] = False,
    home: HomeOption = None,
) -> None:
    """The end of a service's log."""
    from whale_platform.cli.common.context import require_home
    from whale_platform.cli.inspection import logs as command

    path = command.find_log(require_home(home).path, service)
    for line in command.read_last_lines(path, lines):
        print(line)
    if follow:
        sys.stdout.flush()
        for line in command.follow_log(path):
            print(line, flush=True)


# Options before the first argument that is no option are ours, all the rest is the other program's.
PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False}


@app.command(context_settings=PASS_THROUGH, options_metavar="[--home DIR] [--] ARGS...")
def psql(context: typer.Context, home: HomeOption = None) -> None:
    """Postgres's own shell on the platform's database; all other arguments are psql's, as is its exit code.

    psql's own help: `whale psql -- --help`.
    """
    from whale_platform.cli.inspection import pass_through

    pass_through.become_psql(home, context.args)


@app.command(context_settings=PASS_THROUGH, options_metavar="[--home DIR] [--] ARGS...")
def dagster(context: typer.Context, home: HomeOption = None) -> None:
    """Dagster's own command line on this home's instance; all other arguments are dagster's, as is its exit code.

    Dagster's own help: `whale dagster -- --help`, `whale dagster asset --help`.
    """
    from whale_platform.cli.inspection import pass_through

    pass_through.become_dagster(home, context.args)


def main() -> None:
    """Run; what the operator can mend is one line on stderr and exit code 2."""
    proxy_bypass.bypass_proxies()
    try:
        if sys.argv[1:2] == [command_status.COMMAND_NAME]:
            sys.exit(command_status.main(sys.argv[2:]))
        app(prog_name="whale")
    except (UserError, HomeError, ToolchainError) as error:
        print(f"whale: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False

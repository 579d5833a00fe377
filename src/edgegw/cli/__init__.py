"""The `edgegw` command. Each command's module is imported only when it is called, so that help is quick.

Exit codes (sysexits.h): 0 done, 64 wrong use of the command line, 69 something outside is unavailable (a
gateway, a journal), 70 a bug in edgegw, 78 the configuration must be edited; 130 Ctrl-C.
"""

from __future__ import annotations

import gc
import importlib
from types import ModuleType

import click

from edgegw import __version__
from edgegw.errors import ConfigError, EdgegwError

OK, USAGE, UNAVAILABLE, BUG, CONFIG, INTERRUPTED = 0, 64, 69, 70, 78, 130

COMMANDS = {
    "run": "Run the gateway.",
    "check": "Check a configuration file and say what it means.",
    "status": "Show how the running gateway feels.",
    "diagnose": "Write down everything that helps whoever helps you.",
    "why": "Explain why something was a movement, or none.",
    "record": "Record what the readers see, for tune.",
    "tune": "Commission a door on a recording.",
    "decode": "Explain which unit an EPC or a scan is.",
    "parked": "Events that the broker would not take: list, retry, drop.",
    "resend": "Send events again.",
    "replay": "Run recorded reads through the pipeline.",
    "demo": "Show the main job on a simulated dock.",
}


class Commands(click.Group):
    """Finds a command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(_loaded(f"edgegw.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _loaded(module: str) -> ModuleType:
    """What is loaded stays: looking through it for garbage takes a tenth of the start, and time ever after."""
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="edgegw")
def edgegw() -> None:
    """RFID readers and barcode scanners in, unit movements on MQTT out.

    \b
    First steps:
      edgegw demo --seconds 20             see it work on a simulated dock
      edgegw check /etc/edgegw/edgegw.yaml   is the configuration right, what does it mean
      edgegw run /etc/edgegw/edgegw.yaml     run the gateway
      edgegw status /etc/edgegw/edgegw.yaml  how does it feel
    """


def call(arguments: list[str]) -> int:
    """Run one command line; returns the exit code and prints errors to stderr."""
    try:
        result = edgegw.main(arguments, prog_name="edgegw", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        error.show()
        return UNAVAILABLE
    except click.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except ConfigError as error:
        click.echo(_told(error), err=True)
        return CONFIG
    except EdgegwError as error:
        click.echo(f"edgegw: {error}", err=True)
        return UNAVAILABLE
    return result if isinstance(result, int) else OK


def _told(error: ConfigError) -> str:
    from edgegw.cli.faults import tell  # loaded by now, as the command has read a configuration

    return "\n".join(tell(error.faults))

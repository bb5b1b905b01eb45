"""The command ``rnnbp``."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from typing import Protocol

from rnnbp.cli import compare, convert, plan, sample, show, sweep, train, train_options
from rnnbp.cli.errors import CommandError
from rnnbp.cli.first_process import only_first_refuses, prefix
from rnnbp.cli.importing import is_of_user
from rnnbp.cli.options import Parser
from rnnbp.cli.output import discard_output, discard_unwritten, prepare
from rnnbp.cli.signals import Stopped, raising, status_of
from rnnbp.cli.threads import usual
from rnnbp.parallel import ProcessError
from rnnbp.storage import StorageError
from rnnbp.support.version import VERSION


def build_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="rnnbp",
        description="Recurrent networks on CPUs, by backpropagation through time.",
        epilog="rnnbp COMMAND --help lists the options of a command; in Python, help('rnnbp') is "
        "the page of the library.",
    )
    parser.add_argument("--version", action="version", version=f"rnnbp {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add(commands, "train", "train a character model on a text", train, train_options.add_options)
    _add(commands, "sweep", "train with many options, and compare", sweep, sweep.add_options)
    _add(commands, "sample", "write text with a trained model", sample, sample.add_options)
    _add(commands, "plan", "choose a schedule for a budget of memory", plan, plan.add_options)
    _add(commands, "compare", "measure recomputing against caching", compare, compare.add_options)
    _add(commands, "show", "show what a file of weights or a model holds", show, show.add_options)
    _add(commands, "convert", "convert a model or weights", convert, convert.add_options)
    return parser


class Command(Protocol):
    """The module of a command."""

    @property
    def ABOUT(self) -> str: ...  # noqa: N802  # a constant of the module

    def run(self, options: argparse.Namespace) -> int: ...


def _add(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    summary: str,
    module: Command,
    add_options: Callable[[Parser], None],
) -> None:
    parser = commands.add_parser(name, help=summary, description=module.ABOUT)
    add_options(parser)
    parser.set_defaults(run=module.run, parser=parser)


def main(argv: list[str] | None = None) -> int:
    """Run a command line.

    Returns:
        The exit status. 0: done. 1: unusable input, described in one line on stderr, of several
        processes by one of them. 130, 143, 129: stopped by Ctrl-C, SIGTERM, SIGHUP.

    Raises SystemExit(2) for a wrong command line.
    """
    prepare()
    try:
        with raising():
            return _run(argv)
    finally:
        discard_unwritten()


def _run(argv: list[str] | None) -> int:
    try:
        with only_first_refuses(sys.argv[1:] if argv is None else argv):
            options = build_parser().parse_all(argv)
        usual()  # what the environment says is checked before anything is done
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except (CommandError, StorageError) as error:
        if is_of_user(error):
            raise
        _say(str(error))
        return 1
    except ProcessError:  # the process that has failed says why
        return 1
    except KeyboardInterrupt as stopped:
        if not prefix():
            with contextlib.suppress(OSError):  # SIGHUP: the terminal is gone
                _say("stopped")
        return status_of(stopped.number if isinstance(stopped, Stopped) else None)
    except BrokenPipeError:  # The reader, as head, has had enough; nothing is left to say to it.
        discard_output()
        return 0
    except OSError as error:
        if is_of_user(error):
            raise
        _say(f"{error.filename or 'output'} cannot be used: {error.strerror or error}")
        return 1


def _say(text: str) -> None:
    print(f"rnnbp: {prefix()}{text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

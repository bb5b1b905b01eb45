"""``rnnbp sweep``: many runs of ``rnnbp train``, or of a function of your own, of one file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rnnbp.cli.errors import CommandError
from rnnbp.cli.options import Parser, whole
from rnnbp.cli.signals import status_of
from rnnbp.cli.sweep_options import absolute, check, check_texts
from rnnbp.cli.sweep_report import Report
from rnnbp.cli.threads import usual
from rnnbp.machine.processors import usable
from rnnbp.machine.settings import VARIABLE
from rnnbp.storage import JSON, write_error
from rnnbp.support.launched import launched
from rnnbp.train.lock import FolderLock
from rnnbp.trials.config import Config, read
from rnnbp.trials.errors import ConfigError
from rnnbp.trials.launch import Launch
from rnnbp.trials.pools import Stopping, over_cluster, over_processes
from rnnbp.trials.record import runs_of, write_record
from rnnbp.trials.space import Trial

PROGRAM = "rnnbp.cli.trial"
ABOUT = (
    "Train many models with different options, each in a process of its own, and compare them. "
    "CONFIG.toml names the options as rnnbp train does, with _ for -: [train] has those of all "
    "runs, as epochs = 2; [grid] lists of which every combination is run, as units = [64, 128]; "
    "[random] has a number of samples, and distributions: lr = {log-uniform = [1e-4, 0.1]}, "
    "{uniform = [0, 0.5]}, {integers = [8, 64]}, {choice = ['lstm', 'gru']}. [sweep] has seeds = "
    "[0, 1, 2], and if need be folder, jobs, sort_by (a figure, '-accuracy' for the highest "
    "first), and function = 'module:name' for models and data of your own: it is called with "
    "folder=, the options by name and seed=, trains there, and returns a dict of numbers. Paths "
    "are from the folder of CONFIG.toml. A run has no limit of minutes, and one thread, unless "
    "[train] says so. The same command goes on: what is finished is read, what was interrupted is "
    "resumed to the bit. "
    "Ctrl-C, SIGTERM and SIGHUP save all runs and stop."
)


def add_options(parser: Parser) -> None:
    """The options of the command."""
    parser.add_argument("config", metavar="CONFIG.toml", type=Path, help="the file of the sweep")
    parser.add_argument(
        "--jobs",
        type=whole(1, 10_000),
        metavar="N",
        help="runs at a time, by joblib; by default those of the file, or a run for each processor",
    )
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="run them on the workers of this Dask scheduler, as tcp://host:8786, which see the "
        "same folders",
    )
    parser.add_argument("--retry", action="store_true", help="try those that failed again")
    parser.add_argument(
        "--table", action="store_true", help="run nothing: print and draw what is there"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(options: argparse.Namespace) -> int:
    """Run what is not finished, write, report. Raises CommandError or StorageError."""
    if launched().processes > 1:
        raise CommandError(
            "a sweep starts its processes alone: leave out mpiexec, and give --jobs or --dask"
        )
    try:
        return _run(options, read(options.config))
    except ConfigError as error:
        raise CommandError(str(error)) from None


def _run(options: argparse.Namespace, config: Config) -> int:
    check(config)
    runs = runs_of(config)
    report = Report(config, runs, quiet=options.quiet)
    if options.table:
        if not config.folder.is_dir():
            raise CommandError(f"{config.folder} is not there yet; leave out --table to begin")
        return report.end()
    _make(config.folder)
    with FolderLock(config.folder):
        write_record(config, runs)
        launches = _launches(config, report.left(retry=options.retry))
        check_texts(config, launches.values())
        jobs = min(options.jobs or config.jobs or usable(), max(len(launches), 1))
        report.begin(len(launches), jobs, options.dask)
        with Stopping() as stop:
            if launches and options.dask:
                over_cluster(launches, options.dask, stop, report.ended)
            elif launches:
                over_processes(launches, jobs, stop, report.ended)
        status = report.end()
    if stop.signal is not None:
        print(
            f"rnnbp: stopped, all is saved; go on with: rnnbp sweep {options.config}",
            file=sys.stderr,
        )
        return status_of(stop.signal)
    return status


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from None


def _launches(config: Config, runs: dict[str, Trial]) -> dict[str, Launch]:
    """The runs to start, by name."""
    usual()  # an impossible environment is one error, and not one of each run
    environment = {VARIABLE: os.environ[VARIABLE]} if VARIABLE in os.environ else {}
    found = {}
    for name, trial in runs.items():
        folder, passed = config.folder / name, absolute(config, trial)
        if config.function is None:
            passed = {"threads": 1} | passed
        task: dict[str, JSON] = {
            "folder": str(folder),
            "options": passed,
            "function": config.function,
        }
        found[name] = Launch(PROGRAM, task, folder, config.path.parent, environment)
    return found

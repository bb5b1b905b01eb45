"""``rnnbp train``: trains a character model, and compares it with n-grams on held-out text."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rnnbp.cli.errors import CommandError
from rnnbp.cli.first_process import only_first_prints
from rnnbp.cli.folders import SETTINGS, free_folder, made_folder, remove_temporaries
from rnnbp.cli.options import given
from rnnbp.cli.output import discard_output
from rnnbp.cli.processes import Processes
from rnnbp.cli.rounding_options import rounding_backend
from rnnbp.cli.runs import Run
from rnnbp.cli.session import LENGTH, Session
from rnnbp.cli.settings import Settings
from rnnbp.cli.sharing import check_shards, lost_in_one_line
from rnnbp.cli.text import Split, Text, load_text
from rnnbp.cli.threads import limited, usual
from rnnbp.parallel.guard import is_everywhere
from rnnbp.storage import StorageError
from rnnbp.train.history import HISTORY_NOTE
from rnnbp.train.lock import FolderLock

ABOUT = (
    "Train a recurrent network to predict each byte of a text from those before it, compare it "
    "with n-grams on the last tenth of the text, on which neither is trained, and write a "
    "sample. Ctrl-C, SIGTERM and SIGHUP save and stop."
)

GOES_ON = {"resume", "minutes", "snapshot_minutes", "override", "quiet", "text", "encoding"}
"""The options that may stand next to --resume."""


def run(options: argparse.Namespace) -> int:
    """Train, evaluate, sample; returns the exit status.

    Raises CommandError or StorageError for bad input, and ProcessError where another process does.
    """
    with contextlib.ExitStack() as held, only_first_prints(), lost_in_one_line():
        return _run(options, held, Processes.present())


def _run(options: argparse.Namespace, held: contextlib.ExitStack, processes: Processes) -> int:
    """Run under a lock on the folder of the run, which ``held`` of the first process releases."""
    lock = processes.by_first(lambda: _locked_if_resumed(options.resume, held))
    settings, text, begun = processes.together(lambda: _settled(options, processes))
    with _in_one_line(settings, begun, processes), limited(settings.threads):
        model = processes.together(lambda: settings.architecture.build(settings.seed))
        where = begun
        if where is None:
            where, lock = _created(options, held, processes, settings, text)
        try:
            session = Session(where, text, text.split(), model, options, processes)
            return session.run(lock)
        except BrokenPipeError:
            discard_output()
            cure = f"go on with rnnbp train --resume {where.folder}"
            raise CommandError(f"the output is closed, so training has stopped; {cure}") from None


def _settled(
    options: argparse.Namespace, processes: Processes
) -> tuple[Settings, Text, Run | None]:
    """The settings, the text and the run that goes on, if there is one; all checked."""
    settings, text, begun = _resumed(options) if options.resume else _new(options)
    _check_length(settings, text, text.split())
    check_shards(settings, processes.count)
    return settings, text, begun


def _created(
    options: argparse.Namespace,
    held: contextlib.ExitStack,
    processes: Processes,
    settings: Settings,
    text: Text,
) -> tuple[Run, FolderLock | None]:
    """A new run, which the first process makes and locks; the others learn its folder."""

    def create() -> tuple[Run, FolderLock]:
        folder = made_folder(options.out) if options.out else None
        folder = folder or free_folder(f"char-{settings.cell}")
        lock = _locked(folder, held)
        return Run.create(folder, settings, text), lock

    made = processes.by_first(create)
    folder = processes.told("" if made is None else str(made[0].folder))
    return made or (Run(Path(folder), settings, text.to_dict()), None)


@contextlib.contextmanager
def _in_one_line(settings: Settings, begun: Run | None, processes: Processes) -> Iterator[None]:
    """Turn errors of a run into CommandErrors."""
    try:
        yield
    except MemoryError:
        cure = "lower --units, --layers, --embedding, --batch or --horizon"
        raise CommandError(
            f"there is not enough memory for {settings.architecture}; {cure}"
        ) from None
    except StorageError:
        raise
    except (TypeError, ValueError) as error:
        if is_everywhere(error):  # the processes differ
            raise processes.one_of(CommandError(str(error).removeprefix("Trainer.fit: "))) from None
        if begun is None:
            raise
        raise CommandError(
            f"the settings of {begun.folder} cannot be used: {error}; restore its run.json"
        ) from None
    except FloatingPointError as error:
        notes = [note for note in error.__notes__ if not note.startswith(HISTORY_NOTE)]
        why = "; ".join([str(error), *notes])
        raise processes.one_of(CommandError(f"training has failed: {why}")) from None


def _locked_if_resumed(folder: Path | None, held: contextlib.ExitStack) -> FolderLock | None:
    return _locked(folder, held) if folder and (folder / SETTINGS).is_file() else None


def _locked(folder: Path, held: contextlib.ExitStack) -> FolderLock:
    """The lock on a folder, without half-written files."""
    lock = held.enter_context(FolderLock(folder))
    remove_temporaries(folder)
    return lock


def _new(options: argparse.Namespace) -> tuple[Settings, Text, None]:
    if options.override:
        raise CommandError("--override goes with --resume; leave it out")
    if options.encoding and not options.text:
        raise CommandError("--encoding is that of a --text; name the text, or leave it out")
    settings = Settings.from_options(options)
    found = rounding_backend(settings.precision, settings.tape_bits)
    settings = replace(settings, precision=found.precision, tape_bits=found.tape_bits)
    if settings.shards is None:
        settings = replace(settings, threads=settings.threads or usual())
    return settings, load_text(options.text, options.encoding), None


def _resumed(options: argparse.Namespace) -> tuple[Settings, Text, Run]:
    """The run to continue. Its settings are fixed, but the text may have been moved."""
    named = given(options)
    longer = named & LENGTH
    if (
        fixed := named
        - GOES_ON
        - (longer if {"learning_rate", "everything"} & set(options.override) else set())
    ):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(fixed))
        cure = "add --override learning_rate for another length, " if longer else ""
        raise CommandError(
            f"a run is resumed as it was set up: leave out {names}, {cure}or train anew without "
            "--resume"
        )
    found = Run.open(options.resume)
    known = Path(found.settings.text) if found.settings.text else None
    text = load_text(options.text or known, options.encoding or found.settings.encoding)
    found.check_text(text)
    if "backend" not in options.override:
        found.check_backend()
    if longer:
        epochs = None if options.steps else options.epochs
        found = replace(found, settings=replace(found.settings, steps=options.steps, epochs=epochs))
    return found.settings, text, found


def _check_length(settings: Settings, text: Text, split: Split) -> None:
    found, needed = split.train.data.size, settings.batch * settings.horizon + 1
    if found < needed:
        raise CommandError(
            f"{text.source} is too short: it has {found} bytes to train on, and --batch "
            f"{settings.batch} × --horizon {settings.horizon} needs {needed}; give a longer text, "
            "or lower one of the two"
        )

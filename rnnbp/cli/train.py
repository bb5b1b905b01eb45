"""``rnnbp train``: trains a character model, and compares it with n-grams on held-out text."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnbp.cli.errors import CommandError
from rnnbp.cli.held_out import baselines, bits_per_character, model_score
from rnnbp.cli.model import MODEL_NAME, Sampler
from rnnbp.cli.output import discard_output
from rnnbp.cli.runs import (
    SETTINGS,
    Run,
    Settings,
    cannot_resume,
    free_folder,
    made_folder,
    remove_temporaries,
)
from rnnbp.cli.signals import status_of
from rnnbp.cli.text import Split, Text, load_text, printable
from rnnbp.cli.threads import limited, usual
from rnnbp.graph.sequential import Sequential
from rnnbp.losses import CrossEntropy
from rnnbp.numerics import escaped
from rnnbp.optim import Adam, Cosine, WarmUp
from rnnbp.storage import StorageError
from rnnbp.support.bars import Bar
from rnnbp.train.event import Event
from rnnbp.train.history import HISTORY_NOTE, History
from rnnbp.train.lock import FolderLock
from rnnbp.train.loop import Trainer
from rnnbp.train.weights import save_weights
from rnnbp.train.windows import Windows

ABOUT = (
    "Train a recurrent network to predict each byte of a text from those before it, compare it "
    "with n-grams on the last tenth of the text, which is kept from all of them, and write a "
    "sample. Ctrl-C, SIGTERM and SIGHUP save and stop."
)
WARM_UP, FLOOR = 20, 0.02
"""Steps of warm-up, and the part of the learning rate that is left at the end."""
GOES_ON = {"resume", "minutes", "snapshot_minutes", "override", "quiet", "text", "encoding"}
"""The options that may stand next to --resume."""
LENGTH = {"steps", "epochs"}
"""Those that may too, where the learning rate, whose cosine ends with the run, is overridden."""
SAMPLE = 300


def run(options: argparse.Namespace) -> int:
    """Train, evaluate, sample; returns the exit status. Raises CommandError or StorageError for bad
    input.
    """
    with contextlib.ExitStack() as held:
        return _run(options, held)


def _run(options: argparse.Namespace, held: contextlib.ExitStack) -> int:
    """Run under a lock on the folder of the run, which ``held`` releases."""
    lock = (
        _locked(options.resume, held)
        if options.resume and (options.resume / SETTINGS).is_file()
        else None
    )
    settings, text, begun = _resumed(options) if options.resume else _new(options)
    split = text.split()
    _check_length(settings, text, split)
    where = begun
    try:
        with limited(settings.threads):
            model = settings.architecture.build(settings.seed)
            if where is None or lock is None:
                folder = (
                    made_folder(options.out)
                    if options.out
                    else free_folder(f"char-{settings.cell}")
                )
                lock = _locked(folder, held)
                where = Run.create(folder, settings, text)
            return _Session(where, text, split, model, options).run(lock)
    except MemoryError:
        cure = "lower --units, --layers, --embedding, --batch or --horizon"
        raise CommandError(
            f"there is not enough memory for {settings.architecture}; {cure}"
        ) from None
    except BrokenPipeError:
        discard_output()
        raise CommandError(
            "the output is closed, so training has stopped; go on with rnnbp train --resume "
            f"{where.folder}"
            if where
            else "the output is closed, so training has not begun"
        ) from None
    except StorageError:
        raise
    except (TypeError, ValueError) as error:
        if begun is None:
            raise
        raise CommandError(
            f"the settings of {begun.folder} cannot be used: {error}; restore its run.json"
        ) from None
    except FloatingPointError as error:
        notes = [note for note in error.__notes__ if not note.startswith(HISTORY_NOTE)]
        raise CommandError(f"training has failed: {'; '.join([str(error), *notes])}") from None


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
    settings = Settings.from_options(vars(options))
    return (
        replace(settings, threads=settings.threads or usual()),
        load_text(options.text, options.encoding),
        None,
    )


def _resumed(options: argparse.Namespace) -> tuple[Settings, Text, Run]:
    """The run to continue. Its settings are fixed, but the text may have been moved."""
    given = set(getattr(options, "given", ()))
    longer = given & LENGTH
    if (
        fixed := given
        - GOES_ON
        - (longer if {"learning_rate", "everything"} & set(options.override) else set())
    ):
        names = ", ".join(f"--{name}" for name in sorted(fixed))
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


@dataclass(frozen=True)
class _Session:
    """One call of the command: a run from where it stands, as far as it gets."""

    where: Run
    text: Text
    split: Split
    model: Sequential
    options: argparse.Namespace

    def run(self, lock: FolderLock | None) -> int:
        settings = self.where.settings
        data = Windows.next_symbol(
            self.split.train.data, horizon=settings.horizon, batch_size=settings.batch
        )
        steps = settings.steps or (settings.epochs or 1) * data.batches_per_epoch
        trainer = self._trainer(steps)
        if lock is not None:
            trainer.folder.lend(lock)
        if self.where.begun:
            _resume(trainer, self.where.folder, self.options.override)
            self._lengthen(steps, trainer.at.step)
        self._introduce(steps, trainer.at.step)
        history = trainer.fit(data, until_steps=steps, max_seconds=self.options.minutes * 60)
        if history.reason == "interrupted":
            return self._stopped(history, steps)
        self._report(history, steps)
        return 0

    def _lengthen(self, steps: int, done: int) -> None:
        """Record the new length of a run, if a different one was passed."""
        if not LENGTH & set(getattr(self.options, "given", ())):
            return
        if steps < done:
            raise CommandError(
                f"{self.where.folder} has done {done:,} steps, more than {steps:,}; give a longer "
                "run"
            )
        self.where.save_settings()

    def _trainer(self, steps: int) -> Trainer:
        settings = self.where.settings
        rate = WarmUp(Cosine(settings.lr, steps, floor=FLOOR * settings.lr), WARM_UP)
        return Trainer(
            self.model,
            Adam(self.model, settings.lr),
            CrossEntropy(),
            checkpoint=settings.schedule,
            chunk=settings.chunk,
            clip_norm=settings.clip or None,
            learning_rate=rate,
            seed=settings.seed,
            folder=self.where.folder,
            snapshot_minutes=self.options.snapshot_minutes,
            callbacks=() if self.options.quiet else (self._show,),
            progress=False if self.options.quiet else None,
            description=self._description(),
            on_interrupt="return",
        )

    def _description(self) -> dict[str, Any]:
        return {"architecture": self.where.settings.architecture.to_dict(), "text": self.where.text}

    def _introduce(self, steps: int, done: int) -> None:
        """Print what is about to be done."""
        settings, split = self.where.settings, self.split
        parameters = sum(array.size for array in self.model.params.values())
        if self.options.quiet:
            return
        print(
            f"text    {escaped(self.text.source)}, {len(self.text.characters):,} characters, the "
            "last tenth held out"
        )
        print(f"model   {settings.architecture}; {parameters:,} parameters")
        size = f"{settings.batch} × {settings.horizon} bytes"
        print(f"steps   {steps:,}, each of {size}; {split.train.data.size:,} bytes to train on")
        print(
            f"folder  {self.where.folder}" + (f", resumed at step {done:,}" if done else ""),
            flush=True,
        )

    def _show(self, event: Event) -> None:
        """After each epoch, print how well the training text and the held-out text are
        predicted.
        """
        if event.kind != "epoch":
            return
        past = event.trainer.at.history
        last = past.losses[-(len(past.losses) // max(event.trainer.at.epoch, 1)) :]
        trained = bits_per_character(sum(last) / len(last), self.split.train)
        held_out = model_score(self.model, self.split)
        line = f"epoch {event.trainer.at.epoch}: {trained:.3f} bits per character, held out {held_out:.3f}"
        Bar.write(f"{line}, after {past.seconds:.0f} s", file=sys.stdout)
        sys.stdout.flush()

    def _stopped(self, history: History, steps: int) -> int:
        """Save the model, and print how to continue."""
        metadata: dict[str, Any] = {"description": self._description(), "step": history.steps}
        save_weights(self.model, self.where.folder / MODEL_NAME, metadata=metadata)
        place = f"stopped after step {history.steps:,} of {steps:,}; all is saved"
        with contextlib.suppress(OSError):  # SIGHUP: the terminal is gone
            print(
                f"rnnbp: {place}, continue with: rnnbp train --resume {self.where.folder}",
                file=sys.stderr,
            )
        return status_of(history.signal)

    def _report(self, history: History, steps: int) -> None:
        """Print and save the results."""
        ours = self.where.settings.cell.upper()
        scores = baselines(self.split) | {ours: model_score(self.model, self.split)}
        self.where.save_result(
            {
                "bits_per_character": {name.lower(): value for name, value in scores.items()},
                "steps": history.steps,
                "reason": history.reason,
                "seconds": round(history.seconds, 1),
            }
        )
        print(
            f"\nBits per character of the held-out text, after {history.steps:,} steps in "
            f"{history.seconds:.0f} s"
        )
        for name, score in scores.items():
            print(f"  {name:8} {score:.3f}")
        if history.reason == "time":
            cure = f"continue with: rnnbp train --resume {self.where.folder}"
            print(f"Time ended it before step {steps:,}; {cure}")
        sampler = Sampler(self.model, seed=self.where.settings.seed)
        sample = printable(sampler.text(b"The ", SAMPLE))
        print("\nA sample\n" + "\n".join(f"  {line}" for line in sample.splitlines()))
        print(f"\nThe model is {self.where.folder / MODEL_NAME}")
        print(f"Sample more with: rnnbp sample {self.where.folder} --prompt 'The '")


def _resume(trainer: Trainer, folder: Path, override: tuple[str, ...]) -> None:
    try:
        trainer.resume(override=override)
    except ValueError as error:
        raise cannot_resume(folder, ValueError(_as_options(str(error)))) from None


def _as_options(text: str) -> str:
    """The message of resume about ``override``, as command line options."""
    found = re.sub(
        r"(?:resume\()?override=\(([^()]*)\)\)?",
        lambda names: f"--override {names[1].replace(chr(39), '').replace(' ', '').strip(',')}",
        text,
    )
    found = found.replace(
        "override is a tuple of names", "--override is a list of names, as processor,libraries"
    )
    return re.sub("^override: no such", "--override: no such", found)

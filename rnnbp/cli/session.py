"""A training run from where it stands, as far as one command gets."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from dataclasses import dataclass

from rnnbp.cli.errors import CommandError
from rnnbp.cli.held_out import baselines, bits_per_character, model_score
from rnnbp.cli.model import MODEL_NAME
from rnnbp.cli.options import given
from rnnbp.cli.processes import Processes
from rnnbp.cli.runs import Run, cannot_resume
from rnnbp.cli.sampler import Sampler
from rnnbp.cli.signals import status_of
from rnnbp.cli.text import Split, Text, printable
from rnnbp.graph.sequential import Sequential
from rnnbp.losses import CrossEntropy
from rnnbp.numerics import escaped
from rnnbp.optim import Adam, Cosine, WarmUp
from rnnbp.runners.rounding import ROUNDING, rounding_text
from rnnbp.storage import JSON
from rnnbp.support.bars import Bar
from rnnbp.train.event import Event
from rnnbp.train.history import History
from rnnbp.train.lock import FolderLock
from rnnbp.train.loop import Trainer
from rnnbp.train.weights import save_weights
from rnnbp.train.windows import Windows

WARM_UP, FLOOR = 20, 0.02
"""Steps of warm-up, and the part of the learning rate that is left at the end."""

LENGTH = {"steps", "epochs"}
"""Those that may too, where the learning rate, whose cosine ends with the run, is overridden."""

SAMPLE = 300


@dataclass(frozen=True)
class Session:
    """One call of the command: a run from where it stands, as far as it gets."""

    where: Run
    text: Text
    split: Split
    model: Sequential
    options: argparse.Namespace
    processes: Processes

    def run(self, lock: FolderLock | None) -> int:
        """The exit status; ``lock`` is that on the folder, of the first process."""
        settings = self.where.settings
        data = Windows.next_symbol(
            self.split.train.data, horizon=settings.horizon, batch_size=settings.batch
        )
        steps = settings.steps or (settings.epochs or 1) * data.batches_per_epoch
        trainer = self._trainer(steps)
        if lock is not None:
            trainer.folder.lend(lock)
        if self.where.begun:
            self.processes.together(lambda: self._resume(trainer, steps))
        self.processes.by_first(lambda: self._introduce(steps, trainer.at.step))
        history = trainer.fit(data, until_steps=steps, max_seconds=self.options.minutes * 60)
        interrupted = history.reason == "interrupted"
        end = self._stopped if interrupted else self._report
        self.processes.by_first(lambda: end(history, steps))
        return status_of(history.signal) if interrupted else 0

    def _resume(self, trainer: Trainer, steps: int) -> None:
        """Go back to the snapshot."""
        try:
            trainer.resume(override=self.options.override)
        except ValueError as error:
            raise cannot_resume(self.where.folder, ValueError(_as_options(str(error)))) from None
        self._lengthen(steps, trainer.at.step)

    def _lengthen(self, steps: int, done: int) -> None:
        """Record the new length of a run, if a different one was passed."""
        if not LENGTH & given(self.options):
            return
        if steps < done:
            raise CommandError(
                f"{self.where.folder} has done {done:,} steps, more than {steps:,}; give a longer "
                "run"
            )
        if self.processes.first:
            self.where.save_settings()

    def _trainer(self, steps: int) -> Trainer:
        settings = self.where.settings
        speaks = self.processes.first and not self.options.quiet
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
            callbacks=(self._show,) if speaks else (),
            progress=False if self.options.quiet else None,
            description=self._description(),
            on_interrupt="return",
            precision=settings.precision,
            tape_bits=settings.tape_bits,
            parallel=self.processes.sharing(settings.shards),
        )

    def _description(self) -> dict[str, JSON]:
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
        if rounding := rounding_text(settings.precision or "float32", settings.tape_bits):
            print(f"rounds  {rounding}")
        size = f"{settings.batch} × {settings.horizon} bytes"
        print(f"steps   {steps:,}, each of {size}; {split.train.data.size:,} bytes to train on")
        print(
            f"folder  {self.where.folder}" + (f", resumed at step {done:,}" if done else ""),
            flush=True,
        )

    def _show(self, event: Event) -> None:
        """After each epoch, print how well the two parts of the text are predicted."""
        if event.kind != "epoch":
            return
        past = event.trainer.at.history
        last = past.losses[-(len(past.losses) // max(event.trainer.at.epoch, 1)) :]
        trained = bits_per_character(sum(last) / len(last), self.split.train)
        held_out = model_score(self.model, self.split)
        line = f"epoch {event.trainer.at.epoch}: {trained:.3f} bits per character"
        Bar.write(f"{line}, held out {held_out:.3f}, after {past.seconds:.0f} s", file=sys.stdout)
        sys.stdout.flush()

    def _stopped(self, history: History, steps: int) -> None:
        """Save the model, and print how to continue."""
        metadata: dict[str, JSON] = {"description": self._description(), "step": history.steps}
        metadata |= {ROUNDING: history.rounding} if history.rounding else {}
        save_weights(self.model, self.where.folder / MODEL_NAME, metadata=metadata)
        place = f"stopped after step {history.steps:,} of {steps:,}; all is saved"
        with contextlib.suppress(OSError):  # SIGHUP: the terminal is gone
            print(
                f"rnnbp: {place}, continue with: rnnbp train --resume {self.where.folder}",
                file=sys.stderr,
            )

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
                **({ROUNDING: history.rounding} if history.rounding else {}),
            }
        )
        print(
            f"\nBits per character of the held-out text, after {history.steps:,} steps in "
            f"{history.seconds:.0f} s{f', with {history.rounding}' * bool(history.rounding)}"
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
        print(f"Sample more with: rnnbp sample {self.where.folder} --prompt 'The '", flush=True)


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

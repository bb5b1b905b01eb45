"""Every loader under mutated files: the documented errors, bounded memory, nothing changed.

``python -m tests.fuzz_files --inputs 100000 --seed 0`` runs many.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import shutil
import tempfile
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import rnnbp as rb
from rnnbp.cli.architecture import Architecture
from rnnbp.cli.errors import CommandError
from rnnbp.cli.model import load_model
from rnnbp.cli.runs import Run
from rnnbp.machine import cache, cache_folder
from rnnbp.storage import StorageError, save_tensors
from rnnbp.train.metrics_log import MetricsLog
from tests import fuzz_inputs as inputs
from tests.fuzz_loader import Loader, WholeModel
from tests.training import text_run

FLOOR = 1 << 20
"""Bytes that reading the smallest file may take."""
SECONDS = 1.0


class Model(Loader):
    """Weights, read into a model."""

    mutations, errors = inputs.TENSORS, (ValueError,)

    def __init__(self, folder: Path) -> None:
        self.path = folder / "model"
        self.model = Architecture("lstm", 1, 3, 2).build()
        architecture = Architecture("lstm", 1, 3, 2).to_dict()
        rb.save_weights(
            self.model,
            self.path,
            metadata={"description": {"architecture": architecture, "text": ["λ", 1.5]}},
        )
        self.good = self.path.read_bytes()
        self.weights = {name: p.copy() for name, p in self.model.params.items()}

    def load(self) -> None:
        rb.load_weights(self.model, self.path)

    def state(self) -> bytes:
        return b"".join(p.tobytes() for p in self.model.params.values())

    def restore(self) -> None:
        for name, p in self.model.params.items():
            p[...] = self.weights[name]


class Sampled(Loader):
    """A model of the command ``sample``."""

    mutations, errors = inputs.TENSORS, (CommandError, StorageError)

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sampled"
        architecture = Architecture("rnn", 1, 3, 2)
        rb.save_weights(
            architecture.build(),
            self.path,
            metadata={"description": {"architecture": architecture.to_dict()}},
        )
        self.good = self.path.read_bytes()

    def load(self) -> None:
        load_model(self.path)


class Snapshot(Loader):
    """A snapshot, from which a run is resumed."""

    mutations, errors = inputs.TENSORS, (ValueError,)

    def __init__(self, folder: Path) -> None:
        trainer, data = text_run(folder=folder / "run", progress=False)
        trainer.fit(data, steps=4)
        shutil.copyfile(folder / "run" / "snapshot.safetensors", folder / "snapshot")
        self.path = folder / "snapshot"
        self.good = self.path.read_bytes()
        self.run, _ = text_run(progress=False)
        self.load()

    def load(self) -> None:
        self.run.resume(self.path)

    def state(self) -> bytes:
        optimizer = self.run.optimizer
        arrays = [*self.run.model.params.values(), *optimizer.state_dict().values()]
        rest = (
            optimizer.learning_rate,
            self.run.parts.plateau and self.run.parts.plateau.state_dict(),
            self.run.at.step,
        )
        return b"".join(a.tobytes() for a in arrays) + repr(rest).encode()

    def restore(self) -> None:
        self.path.write_bytes(self.good)
        self.run, _ = text_run(
            progress=False
        )  # one whose rate is not that of the file that was taken
        self.load()


class Settings(Loader):
    """run.json, next to a snapshot."""

    mutations, errors = inputs.JSON, (CommandError,)

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "settings"
        self.folder.mkdir()
        self.path = self.folder / "run.json"
        architecture = Architecture("gru", 2, 3, 2)
        arrays = {f"model/{name}": p for name, p in architecture.build().params.items()}
        save_tensors(self.folder / "snapshot.safetensors", arrays, {"snapshot": {}})
        self.good = (
            b'{"settings": {"text": null, "cell": "gru", "layers": 2, "units": 3, "embedding": 2, '
            b'"dropout": 0.0, "horizon": 8, "batch": 2, "epochs": null, "steps": 3, "lr": 0.01, '
            b'"clip": 1.0, "checkpoint": "sqrt", "chunk": 4, "seed": 1, "threads": 1}, '
            b'"text": {"source": "a", "sha256": "00", "characters": 9}, "backend": "numpy"}\n'
        )

    def load(self) -> None:
        Run.open(self.folder)


class Metrics(Loader):
    """metrics.jsonl, opened to go on."""

    mutations, errors = inputs.LINES, (StorageError,)

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics"
        self.good = b"".join(
            b'{"step": %d, "epoch": 0, "loss": 1.25, "seconds": 0.1}\n' % k for k in range(1, 9)
        )

    def load(self) -> None:
        MetricsLog(self.path, 5).close()


class Kernels(Loader):
    """A file of the kernel cache: another one is never taken."""

    mutations, errors = inputs.PLAIN, ()
    key: ClassVar[str] = "0" * 64
    code: ClassVar[bytes] = bytes(range(256)) * 8

    def __init__(self, folder: Path) -> None:
        place = cache_folder.folder()
        assert place is not None
        cache.write(self.key, self.code)
        (self.path,) = place.glob(f"{self.key}*")
        self.good = self.path.read_bytes()

    def load(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = cache.read(self.key)
        if code not in (None, self.code):
            raise AssertionError("a kernel that is not its own was taken")


KINDS: dict[str, Callable[[Path], Loader]] = {
    "model": Model,
    "sample": Sampled,
    "snapshot": Snapshot,
    "whole": WholeModel,
    "run": Settings,
    "metrics": Metrics,
    "kernels": Kernels,
}


@dataclass(frozen=True)
class Outcome:
    """What came of an input: whether it was taken, and what is wrong with how it was read."""

    taken: bool
    fault: str | None
    peak: int
    seconds: float


def mutated(loader: Loader, kind: str, seed: int, number: int) -> bytes:
    """Input ``number`` of a kind: the same for the same seed."""
    rng = random.Random(f"{seed}/{kind}/{number}")
    return rng.choice(loader.mutations)(loader.good, rng)


def tried(loader: Loader, data: bytes) -> Outcome:
    """Read one input; tracemalloc is on."""
    loader.path.write_bytes(data)
    before, fault, taken = loader.state(), None, False
    tracemalloc.reset_peak()
    held, start = tracemalloc.get_traced_memory()[0], time.process_time()
    try:
        loader.load()
        taken = True
    except loader.errors as error:
        message = str(error)
        if len(message) > 5000 or not message.isprintable():
            what = f"a message that a terminal cannot show, or of {len(message)} characters"
            fault = f"{what}: {message[:200]!r}"
    except BaseException as error:
        fault = f"{type(error).__name__}: {str(error)[:300]}"
    seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1] - held
    if peak > 10 * len(data) + FLOOR:
        fault = f"it took {peak} bytes for {len(data)}"
    if not taken and loader.state() != before:
        fault = fault or "something has changed though it was refused"
    if taken:
        loader.restore()
    return Outcome(taken, fault, peak, seconds)


def run(
    kinds: list[str], count: int, seed: int, seconds: float | None = None
) -> tuple[list[str], Counter[str]]:
    """(faults, figures) of ``count`` inputs, shared evenly by kinds, each within ``seconds``."""
    faults: list[str] = []
    figures: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        loaders = {kind: KINDS[kind](Path(folder)) for kind in kinds}
        tracemalloc.start()
        try:
            for k in range(count):
                kind, number = kinds[k % len(kinds)], k // len(kinds)
                found = tried(loaders[kind], mutated(loaders[kind], kind, seed, number))
                slow = seconds is not None and found.seconds > seconds
                fault = found.fault or (f"it took {found.seconds:.1f} s" if slow else None)
                if fault:
                    faults.append(f"{kind} {number} of seed {seed}: {fault}")
                figures[f"{kind}, taken" if found.taken else f"{kind}, refused"] += 1
        finally:
            tracemalloc.stop()
    return faults, figures


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    options = parser.parse_args()
    faulthandler.dump_traceback_later(1800, exit=True)
    faults, figures = run(options.kinds.split(","), options.inputs, options.seed, SECONDS)
    print("\n".join(faults[:100]))
    print(f"{options.inputs} inputs, {len(faults)} faults; {dict(sorted(figures.items()))}")
    return bool(faults)


if __name__ == "__main__":
    raise SystemExit(main())

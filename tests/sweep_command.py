"""Sweeps on a small text, as tests of ``rnnbp sweep`` run them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.commands import ENVIRONMENT

TRAIN = """
[train]
text = "words.txt"
cell = "rnn"
units = 6
embedding = 3
batch = 4
horizon = 10
"""
OWN = """
import rnnbp as rb
import numpy as np

def train(folder, units, seed=0, steps=5, bad=()):
    if units in bad:
        raise RuntimeError(f"units {units} cannot be\\nat all")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 8, 2)).astype(np.float32)
    model = rb.Sequential(rb.RNN(2, units, rng=seed), rb.Dense(units, 1, rng=1))
    data = rb.Sequences(x, x[..., :1].cumsum(axis=0), batch_size=4)
    how = {"steps": steps, "folder": folder, "resume": True, "seed": seed}
    history = rb.fit(model, data, rb.losses.MeanSquaredError(), **how)
    return {"loss": history.losses[-1]}
"""


def written(text: str, name: str = "x") -> str:
    """The name of a new file with a text."""
    Path(f"{name}.toml").write_text(text, encoding="utf-8")
    return f"{name}.toml"


def rows(folder: str) -> list[dict[str, str]]:
    """The table of a sweep, a dict for each run."""
    with open(Path(folder) / "sweep.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def started(*args: str) -> subprocess.Popen[str]:
    """A sweep in a process of its own."""
    command = [sys.executable, "-m", "rnnbp.cli.main", "sweep", *args]
    return subprocess.Popen(
        command, env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def wait_for(path: Path, seconds: float = 120) -> None:
    """Wait until a file is there. Raises AssertionError after this number of seconds."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not come"
        time.sleep(0.05)


def is_alive(number: int) -> bool:
    """True if a process is there, and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except OSError:
        return False


def children() -> list[int]:
    """The processes of runs of sweeps that are in the present folder or under it."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            command = (each / "cmdline").read_bytes()
            where = os.readlink(each / "cwd")
        except OSError:
            continue
        if b"rnnbp.cli.trial" in command and where == os.getcwd():
            found.append(int(each.name))
    return found

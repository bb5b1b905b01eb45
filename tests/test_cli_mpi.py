"""``rnnbp train --shards`` in processes that mpiexec starts; each run is under a time-out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from rnnbp.storage import load_tensors
from tests.installed import need
from tests.mpi_runs import ENVIRONMENT, ROOT, mpiexec

need("mpi4py", extra="mpi")
pytestmark = [
    pytest.mark.long,
    pytest.mark.grid,
    pytest.mark.usefixtures("in_a_folder_with_words"),
]
SECONDS = 240
RUN = "--text words.txt --units 16 --layers 2 --dropout 0.2 --batch 8 --horizon 20 --shards 4"


@contextmanager
def started(processes: int, *args: object) -> Iterator[subprocess.Popen[str]]:
    """``rnnbp train`` in this many processes, none of which is left; 0 without mpiexec."""
    call = [mpiexec(), "-n", str(processes)] if processes else []
    program = subprocess.Popen(
        [*call, sys.executable, "-m", "rnnbp_command", "train", *map(str, args)],
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def train(processes: int, *args: object) -> tuple[int, str, str]:
    """(status, stdout, stderr)."""
    with started(processes, *args) as program:
        out, err = program.communicate(timeout=SECONDS)
        return program.returncode, out, err


def tensors(folder: str) -> dict[str, np.ndarray]:
    """All arrays of the model and the snapshot of a run."""
    files = [Path(folder) / name for name in ("model.safetensors", "snapshot.safetensors")]
    return {f"{file.name} {k}": a for file in files for k, a in load_tensors(file)[0].items()}


def assert_same(folder: str, other: str) -> None:
    found, wanted = tensors(folder), tensors(other)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    model = "model.safetensors"
    assert (Path(folder) / model).read_bytes() == (Path(other) / model).read_bytes()


@pytest.fixture
def alone() -> str:
    """The folder of a run in one process."""
    assert train(0, *RUN.split(), "--steps", 8, "--out", "alone")[0] == 0
    return "alone"


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_have_the_bits_of_one(processes: int, alone: str) -> None:
    status, out, err = train(processes, *RUN.split(), "--steps", 8, "--out", "several")
    assert (status, err) == (0, "")
    assert out.count("\nfolder  several\n") == out.count("\nA sample\n") == 1
    assert_same("several", alone)
    assert {path.name for path in Path("several").iterdir()} == {
        path.name for path in Path(alone).iterdir()
    }


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("then", [0, 3])
def test_a_run_that_a_signal_stopped_goes_on_with_other_processes(name: str, then: int) -> None:
    number = getattr(signal, name)
    with started(2, *RUN.split(), "--epochs", 10**5, "--out", "run") as program:
        metrics = Path("run/metrics.jsonl")
        while not (metrics.exists() and metrics.stat().st_size) and program.poll() is None:
            time.sleep(0.02)
        program.send_signal(number)
        _, err = program.communicate(timeout=SECONDS)
    done = len(metrics.read_text().splitlines())
    assert err.count("rnnbp: ") == 1
    assert f"rnnbp: stopped after step {done:,} of " in err
    assert program.returncode == 128 + number
    more = ["--override", "learning_rate", "--steps", done + 3]
    assert train(then, "--resume", "run", *more)[0] == 0
    assert len(metrics.read_text().splitlines()) == done + 3
    assert not list(Path("run").glob(".*"))


def test_a_run_of_two_goes_on_in_one_and_in_three(alone: str) -> None:
    for then, folder in ((0, "one"), (3, "three")):
        minutes = ["--minutes", 1e-5]  # a step
        assert train(2, *RUN.split(), "--steps", 8, *minutes, "--out", folder)[0] == 0
        assert len((Path(folder) / "metrics.jsonl").read_text().splitlines()) < 8
        assert train(then, "--resume", folder)[0] == 0
        assert_same(folder, alone)


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        ("--steps 1", 1, "mpiexec has started 2 processes"),
        ("--shards 1", 1, "2 processes cannot share the 1 parts"),
        ("--shards 2 --text none.txt", 1, "--text none.txt does not exist"),
        ("--shards 2 --out words.txt", 1, "--out words.txt cannot be used"),
        ("--shards 2 --resume none", 1, "leave out --shards"),
        ("--resume none", 1, "--resume none is not the folder of a run"),
        ("--shard 2", 2, "unknown argument --shard (did you mean --shards?)"),
    ],
)
def test_what_cannot_be_is_refused_once(args: str, status: int, message: str) -> None:
    found, out, err = train(2, *args.split())
    assert (found, out) == (status, "")
    assert err.startswith("rnnbp")
    assert message in err.partition("\n")[0]
    assert err.count("rnnbp: ") + err.count("rnnbp train: ") == 1
    assert not Path("runs").exists()


def test_numbers_that_are_not_finite_end_all_with_one_message() -> None:
    wild = ["--lr", 1e38, "--clip", 0, "--steps", 50]
    status, _, err = train(2, *RUN.split(), *wild, "--out", "run")
    assert status == 1
    assert err.startswith("rnnbp: training has failed: ")
    assert "of 2" in err
    assert err.count("rnnbp: ") == 1


OTHER = """
import os, sys
os.environ.update({"RNNBP_BACKEND": "numpy"} if "1" in map(os.environ.get, RANKS) else {})
from rnnbp_command import main
sys.exit(main())
""".replace("RANKS", "('PMI_RANK', 'OMPI_COMM_WORLD_RANK')")


def test_processes_that_differ_are_refused_once() -> None:
    call = [mpiexec(), "-n", "2", sys.executable, "-c", OTHER, "train", *RUN.split()]
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": str(ROOT), "RNNBP_BACKEND": ""}
    found = subprocess.run(
        call, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert found.returncode == 1
    assert found.stderr.startswith("rnnbp: process 1 of 2 differs from process 0: backend is ")
    assert found.stderr.count("rnnbp: ") == 1

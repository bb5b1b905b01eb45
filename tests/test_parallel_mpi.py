"""Sums over real processes, which mpiexec starts; each run is under a time-out."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnnbp.parallel import Alone
from tests.parallel_run import RUNS, results

pytestmark = pytest.mark.long
if importlib.util.find_spec("mpi4py") is None:
    pytest.skip("mpi4py is not installed: pip install 'rnnbp[mpi]'", allow_module_level=True)
SECONDS = 240
ENVIRONMENT = {
    "RNNBP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",  # Open MPI refuses root, and more processes than cores
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
ROOT = Path(__file__).parents[1]


def mpiexec(processes: int, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the module ``tests.parallel_run`` in this many processes."""
    own = Path(sys.executable).parent / "mpiexec"
    program = str(own) if own.exists() else shutil.which("mpiexec")
    assert program is not None
    call = [program, "-n", str(processes), sys.executable, "-m", "mpi4py", "-m"]
    return subprocess.run(
        [*call, "tests.parallel_run", *args],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("processes", [1, 2, 3, pytest.param(4, marks=pytest.mark.grid)])
def test_all_processes_have_the_bits_of_one(processes: int, tmp_path: Path) -> None:
    ran = mpiexec(processes, "run", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    with np.errstate(all="ignore"):
        wanted = results(Alone)
    for rank in range(processes):
        for number, (name, array) in enumerate(wanted.items()):
            found = np.load(tmp_path / f"{rank} {number}.npy")
            assert np.array_equal(found, array, equal_nan=True), name
    assert wanted["losses"][-1] < wanted["losses"][0]
    assert len([*tmp_path.iterdir()]) == processes * len(wanted)


@pytest.mark.parametrize(
    ("what", "processes"),
    [("partition", 2)]
    + [
        pytest.param(what, n, marks=pytest.mark.grid)
        for what in ("train", "partition")
        for n in (1, 2, 4, 8)
    ],
)
def test_trainers_of_all_processes_have_the_bits_of_one(
    what: str, processes: int, tmp_path: Path
) -> None:
    ran = mpiexec(processes, what, str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    for number, (name, array) in enumerate(RUNS[what](Alone).items()):
        for rank in range(processes):
            found = np.load(tmp_path / f"{rank} {number}.npy")
            assert np.array_equal(found, array, equal_nan=True), name


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.grid)])
def test_adams_state_is_spread_over_the_processes(processes: int, tmp_path: Path) -> None:
    ran = mpiexec(processes, "held", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    for rank in range(processes):
        found = float(np.load(tmp_path / f"{rank} 0.npy"))
        scratch, rest = 0.12, 0.12  # 2 · 2¹⁶ elements; blocks of parts, and objects
        assert 1.9 / processes < found - 1 < 2 / processes + scratch + rest


def test_a_process_that_raises_ends_all(tmp_path: Path) -> None:
    ran = mpiexec(2, "raise", str(tmp_path))
    assert ran.returncode != 0
    assert "a fault of one process" in ran.stderr
    assert [*tmp_path.iterdir()] == []


def test_more_processes_than_shards_are_refused(tmp_path: Path) -> None:
    ran = mpiexec(2, "one shard", str(tmp_path))
    assert ran.returncode != 0
    assert "MPI: 2 processes cannot share 1 shards" in ran.stderr


def test_without_a_library_of_mpi_the_error_names_the_extra(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import rnnbp as rb; rb.parallel.MPI(shards=2)"],
        cwd=ROOT,
        env=os.environ | {"MPI4PY_LIBMPI": str(tmp_path / "none.so")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "ImportError: parallel.MPI: mpi4py finds no library of MPI" in ran.stderr
    assert "'rnnbp[mpi]'" in ran.stderr


def test_processes_of_another_library_are_refused() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import rnnbp as rb; rb.parallel.MPI(shards=4)"],
        cwd=ROOT,
        env=os.environ | {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "mpiexec has started 4 processes, and mpi4py knows of 1" in ran.stderr

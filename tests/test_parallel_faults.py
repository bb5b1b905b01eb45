"""Faults of one of several processes: all end, in time, with a message that names it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rnnbp.parallel import Alone
from tests.installed import need
from tests.mpi_runs import job
from tests.parallel_kills import (
    ENDS,
    MODULE,
    SHARDS,
    STEPS,
    check,
    outcome,
    saved_steps,
    steps_done,
    trained,
    until_step,
    whole_time,
)
from tests.parallel_trainings import everything

pytestmark = [pytest.mark.long, pytest.mark.grid]
need("mpi4py", extra="mpi")
PROCESSES = 3
START, LIMIT = 120.0, 15.0
"""Seconds until all processes have begun, and from then on until all have ended."""
GONE = "waits for process 2, whose program has ended; all processes take part in every sum"
OTHERS = "This ends all processes."


def run(what: str) -> tuple[int | None, str]:
    """What mpiexec returns of a case of ``tests.parallel_faults``, and what was printed."""
    with job(PROCESSES, "tests.parallel_faults", what) as running:
        running.begun(START)
        running.ended(LIMIT + START)
        return running.program.returncode, running.output


@pytest.mark.parametrize(
    ("what", "texts"),
    [
        ("raise", ["own hook", "rnnbp: process 2 of 3 has ended with KeyError: 'of one'", OTHERS]),
        ("interrupt", ["rnnbp: process 2 of 3 has ended with KeyboardInterrupt", OTHERS]),
        ("exit 0", [GONE]),
        ("exit 3", [GONE]),
        ("leave at once", []),
        ("thread", ["rnnbp: process 2 of 3 has ended with KeyError: 'in a thread'", OTHERS]),
        ("sizes", ["bytes, and process", "; all processes sum arrays of the same shapes"]),
        ("hang", ["waits for process 2, which has sent nothing for 2 s: it hangs, or"]),
        ("start", ["Timeout (0:00:02)!", "in waiting_until_all_processes_start_MPI"]),
    ],
)
def test_a_fault_of_one_process_ends_all(what: str, texts: list[str]) -> None:
    code, output = run(what)
    assert code != 0
    assert all(text in output for text in texts), output


@pytest.mark.parametrize("what", ["slow", "other thread"])
def test_what_is_no_fault_ends_none(what: str) -> None:
    code, output = run(what)
    assert code == 0, output
    assert [f"{rank} sum 28.0" in output for rank in range(PROCESSES)] == [True] * PROCESSES
    assert "rnnbp: process" not in output


@pytest.mark.parametrize(("what", "error"), [("elsewhere", "of one"), ("everywhere", "of all")])
def test_an_error_of_all_processes_is_printed_once(what: str, error: str) -> None:
    code, output = run(what)
    assert code != 0
    assert output.count("Traceback") == 1
    assert f"KeyError: '{error}'" in output


def test_no_process_outlives_mpiexec() -> None:
    with job(PROCESSES, "tests.parallel_faults", "long") as running:
        running.said("summing", START)
        running.program.kill()
        running.ended(LIMIT)


def test_a_signal_to_one_process_ends_all_after_the_same_step(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with job(2, MODULE, "train", str(tmp_path)) as running:
        until_step(5, run)
        os.kill(running.pids[1], signal.SIGTERM)
        running.ended(LIMIT)
        assert running.program.returncode == 128 + signal.SIGTERM
    assert 5 <= steps_done(run) == saved_steps(run) < STEPS


def test_a_notice_to_mpiexec_finishes_the_step(tmp_path: Path) -> None:
    """Open MPI's passes it on and waits, while it gives 0.25 s to processes that it terminates."""
    run = tmp_path / "run"
    with job(2, MODULE, "train", str(tmp_path)) as running:
        until_step(5, run)
        running.program.send_signal(signal.SIGUSR1)
        running.ended(LIMIT)
        assert running.program.returncode == 128 + signal.SIGUSR1
    assert 5 <= steps_done(run) == saved_steps(run) < STEPS


@pytest.fixture(scope="module")
def span(tmp_path_factory: pytest.TempPathFactory) -> float:
    """The seconds of a run that nothing ends."""
    return whole_time(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(("target", "number"), ENDS)
def test_a_run_that_is_ended_goes_on_with_half_of_its_processes(
    target: str, number: signal.Signals, share: float, span: float, tmp_path: Path
) -> None:
    """``python -m tests.parallel_kills 30`` does so at random moments."""
    wanted = everything(trained(Alone(shards=SHARDS)))
    outcome(tmp_path, target, number, share * span)
    check(tmp_path, wanted)

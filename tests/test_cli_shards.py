"""``rnnbp train --shards``: in one process, and what several of them agree on, simulated."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnnbp as rb
from rnnbp.cli.errors import CommandError
from rnnbp.cli.model import MODEL_NAME
from rnnbp.cli.processes import Processes
from rnnbp.cli.settings import Settings
from rnnbp.cli.sharing import check_shards
from rnnbp.parallel import ProcessError
from rnnbp.storage import load_tensors
from tests import simulated_processes
from tests.commands import error_of, run, train
from tests.sweep_command import written

pytestmark = pytest.mark.usefixtures("in_a_folder_with_words")
MODEL = ["--cell", "rnn", "--dropout", 0.2, "--steps", 9]


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the second of two processes of mpiexec."""
    for name, value in {"PMI_SIZE": "2", "PMI_RANK": "1", "MPI_LOCALNRANKS": "2"}.items():
        monkeypatch.setenv(name, value)


def model(folder: str) -> bytes:
    return (Path(folder) / "model.safetensors").read_bytes()


def settings(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(folder) / "run.json").read_text())["settings"]
    return found


def test_the_shards_decide_the_bits_and_a_run_goes_on_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert train("plain", *MODEL) == 0
    assert train("whole", *MODEL, "--shards", 3) == 0
    with monkeypatch.context() as patch:
        patch.setattr("rnnbp.train.standing.Standing.advance", stopping(4))
        assert train("parts", *MODEL, "--shards", 3) == 130
    assert run("train", "--resume", "parts", "--quiet") == 0
    assert model("parts") == model("whole")
    assert model("plain") != model("whole")
    assert (settings("plain")["shards"], settings("parts")["shards"]) == (None, 3)
    assert settings("parts")["threads"] is None
    file = Path("plain/run.json")  # as before there were shards
    file.write_text(file.read_text().replace(',\n    "shards": null', ""))
    assert "shards" not in settings("plain")
    assert run("train", "--resume", "plain", "--quiet") == 0


def stopping(step: int) -> Callable[..., None]:
    """``advance`` of a run's place, with Ctrl-C after a step."""
    from rnnbp.train.standing import Standing

    advance = Standing.advance

    def then(self: Standing, *args: Any) -> None:
        advance(self, *args)
        [os.kill(os.getpid(), signal.SIGINT) for _ in range(self.step == step)]

    return then


def test_shards_of_a_run_stay(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("a", "--cell", "rnn", "--steps", 1, "--shards", 2) == 0
    status, line = error_of(capsys, "train", "--resume", "a", "--shards", 4)
    assert (status, "leave out --shards, or train anew" in line) == (1, True)
    file = Path("a/run.json")
    file.write_text(file.read_text().replace('"shards": 2', '"shards": 4'))
    status, line = error_of(capsys, "train", "--resume", "a", "--quiet")
    assert status == 1
    assert "parallel was '2 shards', is '4 shards'" in line


@pytest.mark.parametrize(
    ("shards", "processes", "message"),
    [
        (None, 2, "mpiexec has started 2 processes, and .*; give --shards 8, or another number"),
        (None, 12, "mpiexec has started 12 processes, and .*; give --shards 12, or "),
        (33, 1, "--shards 33 cuts a batch of 32 rows into more parts .*; give at most 32, or"),
        (4, 5, "5 processes cannot share the 4 parts of --shards 4; start at most 4, or train"),
    ],
)
def test_shards_that_do_not_suit(shards: int | None, processes: int, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        check_shards(Settings(shards=shards), processes)


@pytest.mark.parametrize(("shards", "processes"), [(None, 1), (1, 1), (32, 1), (4, 4), (32, 3)])
def test_shards_that_suit(shards: int | None, processes: int) -> None:
    check_shards(Settings(shards=shards), processes)


# Several processes


def failing(ranks: set[int]) -> list[str]:
    """What each of four processes raises or returns where some of them fail."""

    def work(exchange: simulated_processes.Simulated) -> str:
        def action() -> str:
            return "done" * (1 // (exchange.rank not in ranks))

        try:
            return Processes(exchange).together(action)
        except (ZeroDivisionError, ProcessError) as error:
            return f"{type(error).__name__} {error}"

    return simulated_processes.run(4, 4, work)


OTHERS = "ProcessError process 2 has failed"


@pytest.mark.parametrize(
    ("ranks", "found"),
    [
        (set(), ["done"] * 4),
        ({2}, [OTHERS, OTHERS, "ZeroDivisionError integer division or modulo by zero", OTHERS]),
        ({2, 3}, [OTHERS, OTHERS, "ZeroDivisionError integer division or modulo by zero", OTHERS]),
    ],
)
def test_processes_fail_together_and_one_says_why(ranks: set[int], found: list[str]) -> None:
    assert failing(ranks) == found


def test_the_first_process_acts_and_the_others_learn_of_it() -> None:
    acted: list[int] = []

    def work(exchange: simulated_processes.Simulated) -> tuple[int | None, str]:
        found = Processes(exchange)
        value = found.by_first(lambda: acted.append(exchange.rank) or 7)
        return value, found.told(f"folder\udcff of {exchange.rank}")

    text = "folder\udcff of 0"
    assert simulated_processes.run(3, 3, work) == [(7, text), (None, text), (None, text)]
    assert acted == [0]


def test_the_first_process_alone_notes_a_run_that_begins_anew(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def begun(p: simulated_processes.Simulated) -> None:
        model, loss = rb.Dense(2, 1, rng=0), rb.losses.MeanSquaredError()
        rb.Trainer(
            model, rb.optim.SGD(model), loss, parallel=p, folder=tmp_path, progress=True
        ).resume(missing_ok=True)

    simulated_processes.run(2, 2, begun)
    assert capfd.readouterr().err.count("no snapshot in") == 1


@pytest.mark.usefixtures("second_of_two")
@pytest.mark.parametrize("args", [["--stepz", 3], ["--units", "x"], ["--help"]])
def test_the_first_process_alone_refuses_arguments(
    args: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", *args) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("second_of_two")
def test_errors_name_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    status, line = error_of(capsys, "sample", "none")
    assert (status, line.startswith("rnnbp: process 1: none ")) == (1, True)
    assert run("sample", "--temperatur", 1) == 2


@pytest.mark.usefixtures("second_of_two")
def test_mpiexec_without_mpi4py(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    status, line = error_of(capsys, "train", "--shards", 2, "--out", "a")
    assert status == 1
    assert "parallel.MPI needs mpi4py" in line
    assert "pip install 'rnnbp[mpi]'" in line
    assert not Path("a").exists()


@pytest.mark.usefixtures("second_of_two")
def test_a_sweep_refuses_mpiexec(capsys: pytest.CaptureFixture[str]) -> None:
    status, line = error_of(capsys, "sweep", written("[train]\nsteps = 2\n"))
    assert (status, "leave out mpiexec, and give --jobs or --dask" in line) == (1, True)


@pytest.mark.long
def test_a_sweep_takes_shards() -> None:
    pytest.importorskip("joblib")
    options = {"units": 6, "embedding": 3, "batch": 4, "horizon": 10, "steps": 4, "shards": 2}
    lines = "\n".join(f"{name} = {value}" for name, value in options.items())
    assert run("sweep", written(f"[train]\ntext = 'words.txt'\n{lines}\n"), "--quiet") == 0
    given = [arg for name, value in options.items() for arg in (f"--{name}", value)]
    assert train("alone", *given) == 0
    found, wanted = (
        {
            name: array.tobytes()
            for name, array in load_tensors(Path(folder) / MODEL_NAME)[0].items()
        }
        for folder in ("runs/x/000", "alone")
    )
    assert found == wanted

"""``rnnbp sweep``: its runs are those of ``rnnbp train``; they fail and go on each by itself."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from rnnbp.cli.trial import arguments
from rnnbp.storage import load_tensors
from tests.commands import contents, error_of, run, train
from tests.sweep_command import OWN, TRAIN, children, is_alive, rows, started, wait_for, written

pytest.importorskip("joblib")
pytestmark = pytest.mark.usefixtures("in_a_folder_with_words")

SIZES = ["--cell", "rnn", "--units", 6, "--embedding", 3, "--batch", 4, "--horizon", 10, "--threads", 1]  # fmt: skip
"""Those of TRAIN."""


def weights(folder: str) -> dict[str, bytes]:
    return {k: v.tobytes() for k, v in load_tensors(Path(folder) / "model.safetensors")[0].items()}


def test_a_run_has_the_bits_of_rnnbp_train_alone() -> None:
    file = written(f"[sweep]\nseeds = [3]\n{TRAIN}steps = 7\n")
    assert run("sweep", file, "--quiet") == 0
    assert train("alone", *SIZES, "--steps", 7, "--seed", 3) == 0
    assert weights("runs/x/000") == weights("alone")
    found = json.loads(Path("runs/x/000/result.json").read_text())
    (row,) = rows("runs/x")
    assert float(row["bits_per_character"]) == found["bits_per_character"]["rnn"]
    assert (
        found["bits_per_character"]
        == json.loads(Path("alone/result.json").read_text())["bits_per_character"]
    )
    before = contents(Path("runs/x/000"))
    assert run("sweep", file, "--quiet") == 0
    assert contents(Path("runs/x/000")) == before


def test_a_run_that_fails_is_in_the_table_and_ends_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("own.py").write_text(OWN, encoding="utf-8")
    file = written('[sweep]\nfunction = "own.py:train"\n[grid]\nunits = [3, 4]\n[train]\nbad = [3]')
    assert run("sweep", file) == 1
    out, err = capsys.readouterr()
    assert (
        err
        == f"rnnbp: 1 of 2 runs failed, the first in {Path('runs/x/000').resolve()}; try them again with --retry\n"
    )
    assert "000, units 3: failed: RuntimeError: units 3 cannot be at all" in out
    best, failed = rows("runs/x")
    assert (best["run"], best["units"], best["state"], best["error"]) == (
        "001",
        "4",
        "finished",
        "",
    )
    assert float(best["loss"]) == json.loads(Path("runs/x/001/result.json").read_text())["loss"]
    metrics = [
        json.loads(line) for line in Path("runs/x/001/metrics.jsonl").read_text().splitlines()
    ]
    assert float(best["loss"]) == metrics[-1]["loss"]
    assert (failed["state"], failed["loss"]) == ("failed", "")
    error = Path("runs/x/000/error.txt").read_text()
    assert error.startswith(f"{failed['error']}\n\nTraceback")
    assert "own.py" in error


@pytest.mark.long
def test_retry_runs_what_failed_again(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.py").write_text(OWN, encoding="utf-8")
    file = written('[sweep]\nfunction = "own.py:train"\n[grid]\nunits = [3, 4]\n[train]\nbad = [3]')
    assert run("sweep", file, "--quiet") == 1
    before = contents(Path("runs/x/001"))
    Path("own.py").write_text(OWN.replace("units in bad", "False"), encoding="utf-8")
    assert run("sweep", file, "--quiet") == 1
    assert rows("runs/x")[1]["state"] == "failed"
    assert run("sweep", file, "--quiet", "--retry") == 0
    assert [row["state"] for row in rows("runs/x")] == ["finished", "finished"]
    assert contents(Path("runs/x/001")) == before
    assert not Path("runs/x/000/error.txt").exists()


@pytest.mark.long
@pytest.mark.parametrize(
    "number",
    [
        *[pytest.param(each, marks=pytest.mark.grid) for each in (signal.SIGTERM, signal.SIGINT)],
        signal.SIGKILL,
    ],
)
def test_a_sweep_that_is_stopped_or_killed_goes_on_to_the_bit(number: int) -> None:
    text = f"[sweep]\nseeds = [0, 1]\njobs = 2\n{TRAIN}steps = 1500\ndropout = 0.1\n"
    file = written(f"{text}snapshot_minutes = 0.001\n")
    sweep = started(file)
    wait_for(Path("runs/x/000/snapshot.safetensors"))
    wait_for(Path("runs/x/001/snapshot.safetensors"))
    runs = children()
    assert len(runs) >= 1
    sweep.send_signal(number)
    _out, err = sweep.communicate()
    assert sweep.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}.get(number, -number), err
    cure = "rnnbp: stopped, all is saved; go on with: rnnbp sweep x.toml"
    assert err.splitlines()[-1:] == ([] if number == signal.SIGKILL else [cure])
    assert run("sweep", file, "--quiet") == 0
    assert [each for each in runs if is_alive(each)] == []
    assert [row["state"] for row in rows("runs/x")] == ["finished", "finished"]
    assert train("alone", *SIZES, "--steps", 1500, "--dropout", 0.1, "--seed", 1) == 0
    assert weights("runs/x/001") == weights("alone")


@pytest.mark.long
def test_a_run_whose_process_is_killed_fails_alone_and_goes_on_with_retry() -> None:
    file = written(f"[sweep]\nseeds = [0]\n{TRAIN}steps = 2000\nsnapshot_minutes = 0.001\n")
    sweep = started(file)
    wait_for(Path("runs/x/000/snapshot.safetensors"))
    (child,) = children()
    os.kill(child, signal.SIGKILL)
    _out, err = sweep.communicate()
    assert sweep.returncode == 1, err
    assert rows("runs/x")[0]["error"].startswith("its process was ended by SIGKILL")
    assert run("sweep", file, "--quiet", "--retry") == 0
    assert float(rows("runs/x")[0]["steps"]) == 2000


@pytest.mark.long
@pytest.mark.grid
def test_more_values_go_into_the_same_folder() -> None:
    text = f"{TRAIN.replace('units = 6', '')}steps = 3\n[grid]\nunits = [4, 6]\n"
    assert run("sweep", written(text), "--quiet") == 0
    before = contents(Path("runs/x/000")) | contents(Path("runs/x/001"))
    assert run("sweep", written(text.replace("[4,", "[5, 4,")), "--quiet") == 0
    assert contents(Path("runs/x/000")) | contents(Path("runs/x/001")) == before
    assert {row["run"]: row["units"] for row in rows("runs/x")} == {
        "000": "4",
        "001": "6",
        "002": "5",
    }


def test_a_file_that_does_not_fit_the_folder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs/x").mkdir(parents=True)
    text = f"[sweep]\nseeds = [0, 1]\n{TRAIN}steps = 3\n"
    record = {
        "sections": {"sweep": {"function": None, "seeds": [0]}, "train": {"steps": 4}},
        "runs": [{"steps": 4, "seed": 0}],
    }
    Path("runs/x/sweep.json").write_text(json.dumps(record))
    before = contents()
    status, line = error_of(capsys, "sweep", written(text))
    assert status == 1
    assert "[train] steps is 3, there 4" in line
    assert "seeds" not in line
    assert contents(Path("runs")) == {k: v for k, v in before.items() if k.startswith("runs")}


def test_the_command_line_of_a_run() -> None:
    assert arguments(Path("new"), {"snapshot_minutes": 2, "lr": 1e-5}) == [
        "train", "--out=new", "--quiet", "--minutes=999999", "--snapshot-minutes=2", "--lr=1e-05",
    ]  # fmt: skip


@pytest.mark.long
@pytest.mark.grid
def test_over_a_cluster() -> None:
    distributed = pytest.importorskip("distributed")
    file = written(f"[sweep]\nseeds = [0, 1]\n{TRAIN}steps = 7\n")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as here:
        assert run("sweep", file, "--quiet", "--dask", here.scheduler_address) == 0
    assert [row["state"] for row in rows("runs/x")] == ["finished", "finished"]

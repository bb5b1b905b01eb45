"""A run that is to go on says from where, or that there is no snapshot but in a folder nearby."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
X = np.ones((4, 3, 2), "float32")
DATA = rb.Sequences(X, X[..., :1].copy(), batch_size=2)


def script(folder: Path, **options: Any) -> None:
    rb.fit(rb.Dense(2, 1, rng=0), DATA, MSE, folder=folder, resume=True, epochs=1, **options)


def with_trainer(folder: Path, **options: Any) -> None:
    trainer = rb.Trainer(rb.Dense(2, 1, rng=0), "adam", MSE, folder=folder, **options)
    trainer.resume(missing_ok=True)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    found = capsys.readouterr()
    assert found.out == ""
    return found.err.splitlines()


@pytest.mark.quick
@pytest.mark.parametrize("start", [script, with_trainer])
def test_a_mistyped_folder_is_said(
    tmp_path: Path, start: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    script(tmp_path / "lstm-64", progress=False)
    start(tmp_path / "lstm_46")
    (line,) = said(capsys)
    expected = f"rnnbp: no snapshot in '{tmp_path / 'lstm_46'}' yet, the run starts from step 1"
    assert (
        line == f"{expected} ('{tmp_path / 'lstm-64'}' has one; if that was meant, give its name)"
    )


def test_a_sign_for_another_is_mistyped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(tmp_path / "run-a", progress=False)
    script(tmp_path / "run_a")
    (line,) = said(capsys)
    assert f"'{tmp_path / 'run-a'}' has one" in line


def test_a_mistyped_parent_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(tmp_path / "runs" / "a", progress=False)
    script(tmp_path / "run" / "a")
    (line,) = said(capsys)
    assert line.endswith(
        f" ('{tmp_path / 'runs' / 'a'}' has one; if that was meant, give its name)"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("seed0", "seed1"),
        ("seed-9", "seed-10"),
        ("lr0.01", "lr1e-3"),
        ("a", "b"),
        ("run-a", "run-b"),
    ],
)
def test_the_runs_of_a_loop_are_not_taken_for_each_other(
    one: str, other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script(tmp_path / one, progress=False)
    script(tmp_path / other)
    folder = tmp_path / other
    assert said(capsys) == [f"rnnbp: no snapshot in '{folder}' yet, the run starts from step 1"]


def test_the_first_start_of_a_script_names_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lstm-65").mkdir()  # without a snapshot
    script(tmp_path / "quite another", progress=False)
    script(tmp_path / "lstm-64")
    assert said(capsys) == [
        f"rnnbp: no snapshot in '{tmp_path / 'lstm-64'}' yet, the run starts from step 1"
    ]


def test_a_run_that_goes_on_says_from_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rb.fit(rb.Dense(2, 1, rng=0), DATA, MSE, folder=tmp_path, steps=1, progress=False)
    script(tmp_path)
    assert said(capsys) == [f"rnnbp: the run in '{tmp_path}' resumes after step 1"]


def test_a_run_that_is_finished_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(tmp_path, progress=False)
    script(tmp_path)
    assert said(capsys) == [f"rnnbp: the run in '{tmp_path}' is finished at step 2, nothing to do"]


def test_so_of_a_trainer_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(tmp_path, progress=False)
    trainer = rb.Trainer(rb.Dense(2, 1, rng=0), "adam", MSE, folder=tmp_path)
    trainer.resume(missing_ok=True)
    trainer.fit(DATA, until_epochs=2)
    trainer.fit(DATA, epochs=1)
    assert said(capsys) == [f"rnnbp: the run in '{tmp_path}' resumes after step 2"]


def test_a_run_that_patience_ended_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = {"validation": DATA, "patience": 1, "learning_rate": 1e3, "folder": tmp_path}
    for progress in (False, None):
        model = rb.Dense(2, 1, rng=0)
        rb.fit(model, DATA, MSE, "sgd", epochs=3, resume=True, progress=progress, **some)
    (line,) = said(capsys)
    expected = "has ended (early stopping) at step 4, nothing to do"
    assert line == f"rnnbp: the run in '{tmp_path}' {expected}"


def test_progress_false_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(tmp_path / "a", progress=False)
    script(tmp_path / "a", progress=False)
    assert said(capsys) == []


def test_a_notebook_shows_it_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its stderr is a red box."""
    monkeypatch.setattr("rnnbp.support.late_bars.in_notebook", lambda: True)
    with_trainer(tmp_path / "run")
    found = capsys.readouterr()
    assert (found.err, found.out) == (
        "",
        f"rnnbp: no snapshot in '{tmp_path / 'run'}' yet, the run starts from step 1\n",
    )


@pytest.mark.parametrize("stream", ["closed", "missing"])
def test_a_program_without_stderr_trains_all_the_same(
    tmp_path: Path, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = (tmp_path / "closed").open("w", encoding="utf-8")
    closed.close()
    monkeypatch.setattr("sys.stderr", {"closed": closed, "missing": None}[stream])
    script(tmp_path / "run")
    assert (tmp_path / "run" / "snapshot.safetensors").is_file()

"""The command line: tiny runs, resuming, held-out bytes, help."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import rnnbp as rb
from rnnbp.cli import session as command
from rnnbp.cli.held_out import LEAD, HeldOut, baselines, model_score
from rnnbp.cli.main import build_parser
from rnnbp.cli.model import load_model
from rnnbp.cli.settings import Settings
from rnnbp.cli.text import load_text
from rnnbp.cli.train_options import MINUTES
from tests.commands import ENVIRONMENT, TINY, run, train

pytestmark = pytest.mark.usefixtures("in_a_folder_with_words")

# Training


@pytest.mark.quick
def test_a_run_reports_and_keeps_all_that_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--text", "words.txt", *TINY, "--epochs", 2) == 0
    shown = capsys.readouterr().out
    assert "LSTM, 1 layer of 12 units, embedding of 5; 5,520 parameters" in shown
    assert re.search(r"epoch 2: \d\.\d+ bits per character, held out \d\.\d+, after \d+ s", shown)
    scores = dict(re.findall(r"^  (\w+) +(\d+\.\d+)$", shown, re.MULTILINE))
    assert list(scores) == ["unigram", "bigram", "trigram", "LSTM"]
    assert "The model is runs/char-lstm/model.safetensors" in shown
    folder = Path("runs/char-lstm")
    result = json.loads((folder / "result.json").read_text())
    assert result["reason"] == "finished"
    assert {name: f"{value:.3f}" for name, value in result["bits_per_character"].items()} == {
        name.lower(): value for name, value in scores.items()
    }
    text = load_text(Path("words.txt"))
    assert json.loads((folder / "run.json").read_text())["text"]["sha256"] == text.sha256
    assert f"{model_score(load_model(folder), text.split()):.3f}" == scores["LSTM"]
    assert f"{baselines(text.split())['trigram']:.3f}" == scores["trigram"]
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == result["steps"]


def test_runs_without_a_folder_are_numbered() -> None:
    for _ in range(3):
        assert (
            run("train", "--text", "words.txt", "--quiet", "--cell", "gru", *TINY, "--steps", 1)
            == 0
        )
    assert sorted(path.name for path in Path("runs").iterdir()) == [
        "char-gru",
        "char-gru-2",
        "char-gru-3",
    ]


@pytest.mark.parametrize(
    "cell", ["lstm", *(pytest.param(cell, marks=pytest.mark.long) for cell in ("gru", "rnn"))]
)
def test_a_resumed_run_has_the_bits_of_one_that_was_not_stopped(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--cell", cell, "--layers", 2, "--dropout", 0.2, "--steps", 12, "--seed", 3]
    assert train("whole", *options) == 0
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        assert train("parts", *options) == 130
    assert len(losses("parts")) == 7
    assert load_model(Path("parts")).params.keys() == load_model(Path("whole")).params.keys()
    assert run("train", "--resume", "parts", "--quiet") == 0
    assert (
        Path("parts/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()
    )
    assert losses("parts") == losses("whole")


def losses(folder: str) -> list[float]:
    return [
        json.loads(line)["loss"]
        for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()
    ]


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Send Ctrl-C in the middle of a step."""
    from rnnbp.train.updates import Update

    original: Callable[..., object] = Update.__call__

    def call(self: Update, batch: object, state: object, step: int, *more: object) -> object:
        if step == steps - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, batch, state, step, *more)

    monkeypatch.setattr(Update, "__call__", call)


def test_time_ends_a_run_which_can_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("short", "--steps", 40, "--minutes", 0.0005) == 0
    assert (
        "Time ended it before step 40; continue with: rnnbp train --resume short"
        in capsys.readouterr().out
    )
    assert json.loads(Path("short/result.json").read_text())["reason"] == "time"
    assert run("train", "--resume", "short", "--quiet") == 0
    assert json.loads(Path("short/result.json").read_text())["steps"] == 40
    assert train("whole", "--steps", 40) == 0
    assert (
        Path("short/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()
    )


def test_the_model_is_the_same_whatever_is_kept() -> None:
    for k, how in enumerate(["all", "sqrt", "1", "3"]):
        assert train(f"run{k}", "--steps", 8, "--chunk", 3, "--checkpoint", how) == 0
    models = {Path(f"run{k}/model.safetensors").read_bytes() for k in range(4)}
    assert len(models) == 1


def test_options_reach_the_training_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {}

    class Recorded(command.Trainer):
        def __init__(self, model: Any, optimizer: Any, loss: Any, **options: Any) -> None:
            super().__init__(model, optimizer, loss, **options)
            found.update(options)

        def fit(self, data: Any, **options: Any) -> rb.train.History:
            found.update(options, data=data)
            found["threads"] = {
                pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
            }
            return super().fit(data, **options)

    monkeypatch.setattr(command, "Trainer", Recorded)
    asked = [
        "--lr",
        0.5,
        "--clip",
        0.25,
        "--chunk",
        7,
        "--checkpoint",
        2,
        "--seed",
        9,
        "--minutes",
        2,
        "--threads",
        1,
    ]
    assert train("a", *asked, "--steps", 30) == 0
    names = ("clip_norm", "chunk", "seed", "until_steps", "max_seconds", "threads")
    assert [found[name] for name in names] == [0.25, 7, 9, 30, 120, {1}]
    assert list(found["checkpoint"](5)) == list(rb.schedules.EveryK(5, 2))
    assert (found["data"].horizon, found["data"].batch_size) == (10, 4)
    assert found["learning_rate"](0) == 0.5 / 20
    assert max(map(found["learning_rate"], range(30))) < 0.5
    assert found["learning_rate"](30) == 0.5 * 0.02
    assert train("b", "--clip", 0, "--epochs", 1) == 0
    assert found["clip_norm"] is None
    assert found["until_steps"] == found["data"].batches_per_epoch


def test_a_run_is_not_resumed_by_a_backend_that_rounds_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert train("a", "--steps", 3) == 0
    began = json.loads(Path("a/run.json").read_text())["backend"]
    capsys.readouterr()
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")
    assert run("train", "--resume", "a") == 1
    expected = f"rnnbp: a was begun with the backend {began}, and interpreter rounds otherwise; set RNNBP_BACKEND={began}\n"
    assert capsys.readouterr().err == expected


def test_a_run_is_resumed_from_a_text_that_was_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train("a", "--steps", 2) == 0
    Path("words.txt").rename("moved.txt")
    assert run("train", "--resume", "a", "--quiet", "--text", "moved.txt") == 0


def test_ctrl_c_saves_and_says_how_to_go_on() -> None:
    started = [
        sys.executable,
        "-m",
        "rnnbp.cli.main",
        "train",
        "--text",
        "words.txt",
        *TINY,
        "--epochs",
        "100000",
    ]
    with subprocess.Popen(
        started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=ENVIRONMENT
    ) as process:
        metrics = Path("runs/char-lstm/metrics.jsonl")
        while not (metrics.exists() and metrics.stat().st_size) and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    expected = r"rnnbp: stopped after step ([\d,]+) of [\d,]+; all is saved, "
    expected += r"continue with: rnnbp train --resume runs/char-lstm\n"
    found = re.fullmatch(expected, err)
    assert found, err
    assert len(metrics.read_text().splitlines()) == int(found[1].replace(",", ""))
    assert run("sample", "runs/char-lstm", "--length", 5) == 0


def test_held_out_bytes_are_each_predicted_once_after_those_before_them() -> None:
    split = load_text(Path("words.txt")).split()
    batch = HeldOut(split).batch(0, 0)
    whole = np.concatenate([split.train.data, split.held_out.data])
    assert batch.mask is not None
    assert batch.target is not None
    assert batch.mask.sum() == split.held_out.data.size
    lanes = [batch.target[batch.mask[:, k], k] for k in range(batch.mask.shape[1])]
    assert np.array_equal(np.concatenate(lanes), split.held_out.data)
    starts = np.cumsum([0, *map(len, lanes[:-1])]) + split.train.data.size
    for k in np.flatnonzero([len(lane) for lane in lanes]):
        before = whole[starts[k] - LEAD - 1 : starts[k]]
        assert np.array_equal(batch.x[: LEAD + 1, k], before)


# Help


@pytest.mark.quick
def test_help_shows_every_option_and_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    options = vars(Settings())
    assert [name for name in options if f"--{name.replace('_', '-')}" not in shown] == []
    for name, value in [option for option in options.items() if option[1] is not None]:
        assert re.search(
            rf"--{name} \S+ [^(]*(\([^)d][^)]*\))?[^(]*\(default: {re.escape(str(value))}\)",
            shown,
        ), name
    for name in ("--out", "--resume", "--minutes", "--quiet"):
        assert name in shown
    assert run("sample", "--help") == 0
    shown = capsys.readouterr().out
    for name in ("MODEL", "--prompt", "--length", "--temperature", "--top-k", "--seed"):
        assert name in shown
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert "train a character model on a text" in shown
    assert "write text with a trained model" in shown


def test_the_defaults_are_those_of_the_settings() -> None:
    options = build_parser().parse_all(["train"])
    assert Settings.from_options(options) == Settings()
    assert options.minutes == MINUTES < 3


@pytest.mark.quick
def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"rnnbp {rb.__version__}\n"


def test_python_m_rnnbp_is_the_command() -> None:
    command = [sys.executable, "-m", "rnnbp"]
    found = [
        subprocess.run(
            [*command, *args], env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        for args in (["--version"], ["plan", "--budget", "1 MB", "--cell", "lst"])
    ]
    assert found[0].returncode == 0
    assert found[0].stdout == f"rnnbp {rb.__version__}\n"
    assert found[1].returncode == 2
    assert found[1].stderr.startswith("rnnbp plan: ")


def test_steps_take_the_place_of_epochs() -> None:
    options = build_parser().parse_all(["train", "--steps", "7"])
    assert (Settings.from_options(options).steps, Settings.from_options(options).epochs) == (
        7,
        None,
    )

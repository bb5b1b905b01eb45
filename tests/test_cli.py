"""The command line: tiny runs, resuming, sampling, and what it says of bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import rnnbp as rb
from rnnbp import machine
from rnnbp.cli import runs
from rnnbp.cli import train as command
from rnnbp.cli.held_out import LEAD, HeldOut, baselines, model_score
from rnnbp.cli.main import build_parser, main
from rnnbp.cli.model import Architecture, Sampler, load_model
from rnnbp.cli.runs import Settings
from rnnbp.cli.text import load_text, printable
from rnnbp.cli.threads import usual
from rnnbp.cli.train_options import MINUTES

TINY = ["--units", "12", "--embedding", "5", "--batch", "4", "--horizon", "10"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


@pytest.fixture(autouse=True)
def ctrl_c_works() -> Iterator[None]:
    """As in the foreground: what a shell runs in the background ignores SIGINT."""
    present = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, present)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    words = rng.choice(["ab ", "cde ", "naïve ", "f\n"], 600)
    Path("words.txt").write_text("".join(words), encoding="utf-8")


def run(*args: object) -> int:
    """The exit status of a command line, whether returned or raised."""
    try:
        return main([str(arg) for arg in args])
    except SystemExit as end:
        return int(end.code or 0)


def train(out: str, *args: object) -> int:
    return run("train", "--text", "words.txt", "--out", out, "--quiet", *TINY, *args)


def error_of(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str]:
    """(status, the single line on stderr) of a command line that must fail and print nothing else."""
    capsys.readouterr()
    status = run(*args)
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.endswith("\n")
    assert found.err.count("\n") == 1, found.err
    return status, found.err.rstrip("\n")


def contents(folder: Path = Path()) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


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


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
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


def test_all_threads_train_where_the_model_does_not_depend_on_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if machine.chosen():
        monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    monkeypatch.setenv("RNNBP_NUM_THREADS", "3")
    assert train("a", "--steps", 3) == 0
    assert json.loads(Path("a/run.json").read_text())["settings"]["threads"] == (
        3 if machine.chosen() else 1
    )
    monkeypatch.setenv("RNNBP_NUM_THREADS", "1")
    assert train("b", "--steps", 3) == 0
    assert Path("a/model.safetensors").read_bytes() == Path("b/model.safetensors").read_bytes()


def test_the_option_says_how_many_threads_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, fit = set(), command.Trainer.fit
    monkeypatch.setenv("RNNBP_NUM_THREADS", "3")
    monkeypatch.setattr(
        command.Trainer, "fit", lambda *args, **how: found.add(usual()) or fit(*args, **how)
    )
    assert train("a", "--steps", 2, "--threads", 2) == 0
    assert found == {2 if machine.chosen() else 1}
    assert os.environ["RNNBP_NUM_THREADS"] == "3"


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "command_", ["train --out b", "train --resume a", "sample a", "plan --budget 1GB", "compare"]
)
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "RNNBP_BACKEND",
            "quick",
            "backend 'quick' is unknown; use one of 'numpy', 'llvm', 'interpreter', or None",
        ),
        pytest.param(
            "RNNBP_NUM_THREADS",
            "two",
            "RNNBP_NUM_THREADS is a number of threads from 1 to 1024, found 'two'",
            marks=pytest.mark.skipif(
                not machine.chosen(), reason="threads are counted for kernels alone"
            ),
        ),
    ],
)
def test_what_the_environment_says_is_checked_before_anything_is_made(
    command_: str, name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert train("a", "--steps", 2) == 0
    capsys.readouterr()
    before = sorted(Path().rglob("*"))
    monkeypatch.setenv(name, value)
    assert run(*command_.split()) == 1
    assert capsys.readouterr().err == f"rnnbp: {message}\n"
    assert sorted(Path().rglob("*")) == before


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
    for k, start in enumerate(np.cumsum([0, *map(len, lanes[:-1])]) + split.train.data.size):
        if len(lanes[k]):
            assert np.array_equal(batch.x[: LEAD + 1, k], whole[start - LEAD - 1 : start])


# Sampling


@pytest.mark.quick
def test_samples_are_the_same_for_the_same_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("m", "--steps", 3) == 0
    capsys.readouterr()
    found = []
    for model, seed in (("m", 1), ("m", 1), ("m/model.safetensors", 1), ("m", 2)):
        assert run("sample", model, "--prompt", "naïve", "--length", 40, "--seed", seed) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] == found[2] != found[3]
    assert found[0].startswith("naïve")
    assert run("sample", "m", "--prompt", "", "--length", 3, "--temperature", 0) == 0


def test_each_byte_is_drawn_from_the_distribution_after_all_before_it() -> None:
    model, prompt = Architecture(units=6, embedding=3).build(5), b"abc"
    assert Sampler(model, temperature=0)(prompt, 4) == Sampler(model, top_k=1)(prompt, 4)
    text = prompt + Sampler(model, temperature=0)(prompt, 6)
    logits, _ = rb.predict(model, np.frombuffer(text, np.uint8)[:-1, None])
    assert (
        bytes(logits[len(prompt) - 1 :, 0].argmax(axis=-1).astype(np.uint8)) == text[len(prompt) :]
    )


def test_draws_follow_temperature_and_top_k() -> None:
    model = rb.Sequential(rb.Embedding(256, 256, weight_init="zeros"))
    weight, p = model.params["0.weight"], np.array([0.5, 0.3, 0.2])
    weight[:] = -50
    weight[:, 65:68] = np.log(p)
    for sampler, expected in (
        (Sampler(model, temperature=1.0), p),
        (Sampler(model, temperature=0.5), p**2 / (p**2).sum()),
        (Sampler(model, temperature=1.0, top_k=2), np.array([0.625, 0.375, 0])),
        (Sampler(model, temperature=1e-308), np.array([1.0, 0, 0])),
    ):
        drawn = np.frombuffer(sampler(b"A", 1500), np.uint8)
        np.testing.assert_allclose(
            [(drawn == 65 + k).mean() for k in range(3)], expected, atol=0.045
        )
        assert set(drawn) == {65 + k for k in range(3) if expected[k]}


def test_a_terminal_gets_no_control_characters() -> None:
    assert printable("a\x1b[31m\tb\r\n\x9bc\x00é") == "a�[31m\tb\n�c�é"


# Bad input: one line, the right status, nothing changed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "rnnbp: --text bad.txt does not exist; check the path"),
        (b"", "rnnbp: --text bad.txt is empty; name a file with some text in it"),
        (
            b"caf\xe9",
            "rnnbp: --text bad.txt is not UTF-8: byte 3 is 0xe9; convert it, as with iconv -t utf-8, or name its encoding, as --encoding cp1252",
        ),
        (
            b"abcdefghi",
            "rnnbp: bad.txt has 9 characters, at least 10 are needed; give a longer text",
        ),
        (
            b"ab" * 15,
            "rnnbp: bad.txt is too short: it has 27 bytes to train on, and --batch 4 × --horizon 10 needs 41; "
            "give a longer text, or lower one of the two",
        ),
    ],
    ids=["missing", "empty", "latin-1", "nine-characters", "shorter-than-a-batch"],
)
def test_a_text_that_cannot_be_used(
    text: bytes | None, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("bad.txt").write_bytes(text)
    before = contents()
    assert error_of(capsys, "train", "--text", "bad.txt", *TINY) == (1, expected)
    assert contents() == before
    assert not Path("runs").exists()


def test_a_text_that_is_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, "train", "--text", ".") == (
        1,
        "rnnbp: --text . is a directory; name a text file in it",
    )


def test_a_text_that_may_not_be_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    expected = "rnnbp: --text words.txt cannot be read: Permission denied; check its permissions"
    assert error_of(capsys, "train", "--text", "words.txt") == (1, expected)


def test_a_folder_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("a", "--steps", 1) == 0
    Path("other").mkdir()
    Path("other/notes").write_text("mine")
    Path("runs").write_text("a file")
    before = contents()
    again = ["train", "--text", "words.txt", *TINY, "--out"]
    expected = "rnnbp: --out a is not empty; continue it with --resume a, or name a new folder"
    assert error_of(capsys, *again, "a") == (1, expected)
    assert error_of(capsys, *again, "other") == (
        1,
        "rnnbp: --out other is not empty; name a new folder",
    )
    expected = "rnnbp: --out words.txt cannot be used: File exists; name another folder"
    assert error_of(capsys, *again, "words.txt") == (1, expected)
    expected = "rnnbp: runs/char-lstm cannot be made: Not a directory; name another with --out"
    assert error_of(capsys, *again[:-1]) == (1, expected)
    assert contents() == before


def test_a_run_that_cannot_be_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("a", "--steps", 2) == 0
    before = contents()
    expected = "rnnbp: --resume b is not the folder of a run; name one that rnnbp train has made"
    assert error_of(capsys, "train", "--resume", "b") == (1, expected)
    expected = "rnnbp: a run is resumed as it was set up: leave out --lr, --units, or train anew without --resume"
    assert error_of(capsys, "train", "--resume", "a", "--units", 12, "--lr", 1) == (1, expected)
    Path("words.txt").write_text("another text " * 100)
    status, line = error_of(capsys, "train", "--resume", "a")
    assert status == 1
    assert re.fullmatch(
        r"rnnbp: .*words.txt is not what a was trained on: sha256 \w{12}…, expected \w{12}…; "
        r"restore the text, or train anew",
        line,
    )
    assert {name: data for name, data in contents().items() if name != "words.txt"} == {
        name: data for name, data in before.items() if name != "words.txt"
    }


def test_a_run_whose_files_do_not_fit_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("a", "--steps", 2) == 0
    settings = Path("a/run.json")
    good = settings.read_text()
    settings.write_text(good.replace('"lr": 0.0', '"lr": 0.1'))
    status, line = error_of(capsys, "train", "--resume", "a", "--quiet")
    assert status == 1
    assert line.startswith(
        "rnnbp: --resume a cannot go on: resume from a/snapshot.safetensors: the run was set up"
    )
    bad_threads = re.sub(r'"threads": \d+', '"threads": 0', good)
    for bad in (
        good[:50],
        good.replace('"units": 12', '"units": "x"'),
        good.replace('"units"', '"united"'),
        bad_threads,
    ):
        settings.write_text(bad)
        status, line = error_of(capsys, "train", "--resume", "a", "--quiet")
        assert status == 1
        assert re.fullmatch(
            r"rnnbp: a/run.json is damaged \(.*\); take another copy of it, or train anew", line
        )
    settings.write_text(good)
    flip(Path("a/snapshot.safetensors"), -40)
    expected = "--resume a cannot go on: a/snapshot.safetensors is damaged, its contents do not fit their checksum"
    status, line = error_of(capsys, "train", "--resume", "a", "--quiet")
    assert status == 1
    assert line.startswith(f"rnnbp: {expected}")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "empty", "not-a-model", "no-model", "missing"]
)
def test_a_model_that_cannot_be_used(damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path("m/model.safetensors")
    file.parent.mkdir()
    description = {"architecture": Architecture(units=4, embedding=2).to_dict()}
    model = Architecture(units=4, embedding=2).build()
    rb.save_weights(model, file, metadata={"description": description})
    match damage:
        case "cut":
            file.write_bytes(file.read_bytes()[:-100])
            expected = r"m/model.safetensors is cut short or damaged, it has \d+ bytes of \d+; restore it from a copy"
        case "flipped":
            flip(file, 3000)
            expected = "m/model.safetensors is damaged, its contents do not fit their checksum; restore it from a copy"
        case "empty":
            file.write_bytes(b"")
            expected = "m/model.safetensors is empty; restore it from a copy"
        case "not-a-model":
            file.write_text("text " * 100)
            expected = r"m/model.safetensors is not a file of rnnbp tensors; .*"
        case "no-model":
            file.unlink()
            expected = r"m has no model.safetensors; name a folder that rnnbp train has finished or stopped in"
        case "missing":
            file.unlink()
            file.parent.rmdir()
            expected = "m does not exist; check the path"
    status, line = error_of(capsys, "sample", "m")
    assert status == 1
    assert re.fullmatch(f"rnnbp: {expected}", line), line


@pytest.mark.quick
@pytest.mark.parametrize("which", ["kind", "architecture", "nonsense", "size", "snapshot"])
def test_a_model_of_another_kind(which: str, capsys: pytest.CaptureFixture[str]) -> None:
    architecture = Architecture(units=4, embedding=2)
    model, description = architecture.build(), {"architecture": architecture.to_dict()}
    path = "m.safetensors"
    match which:
        case "kind":
            rb.save_weights(rb.Sequential(rb.Dense(2, 2)), path)
            expected = "expected the weights of a rnnbp character model, found kind None"
        case "architecture":
            rb.save_weights(
                Architecture(units=5, embedding=2).build(),
                path,
                metadata={"description": description},
            )
            expected = "load_weights from m.safetensors: the file does not match the model, .* has shape .*"
        case "nonsense":
            description["architecture"]["heads"] = 8
            rb.save_weights(model, path, metadata={"description": description})
            expected = ".*unexpected keyword argument 'heads'"
        case "size":
            description["architecture"]["units"] = 0
            rb.save_weights(model, path, metadata={"description": description})
            expected = "a character model's units must be at least 1, found 0"
        case "snapshot":
            assert train("a", "--steps", 1) == 0
            path = "a/snapshot.safetensors"
            expected = ".*is a snapshot of a training run; .*"
    status, line = error_of(capsys, "sample", path)
    assert status == 1
    assert re.fullmatch(f"rnnbp: {path} is not a model for this command: {expected}", line), line


def test_training_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    status, line = error_of(
        capsys,
        "train",
        "--text",
        "words.txt",
        "--out",
        "a",
        "--quiet",
        *TINY,
        "--lr",
        1e38,
        "--clip",
        0,
    )
    assert status == 1
    assert line.startswith("rnnbp: training has failed: ")
    assert "lower the learning rate" in line


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            "train --units 0",
            "rnnbp train: error: argument --units: must be at least 1 and below 1.049e+06, found 0",
        ),
        (
            "train --layers two",
            "rnnbp train: error: argument --layers: must be a whole number, found 'two'",
        ),
        (
            "train --lr inf",
            "rnnbp train: error: argument --lr: must be above 0 and finite, found inf",
        ),
        ("train --lr fast", "rnnbp train: error: argument --lr: must be a number, found 'fast'"),
        (
            "train --dropout 1",
            "rnnbp train: error: argument --dropout: must be at least 0 and below 1, found 1",
        ),
        (
            "train --minutes 0",
            "rnnbp train: error: argument --minutes: must be above 0 and below 1e+06, found 0",
        ),
        (
            "train --checkpoint 0",
            "rnnbp train: error: argument --checkpoint: must be all, sqrt or a number of chunks from 1, found '0'",
        ),
        (
            "train --seed -1",
            "rnnbp train: error: argument --seed: must be at least 0 and below 1.845e+19, found -1",
        ),
        ("train --unit 3", "rnnbp train: error: unknown argument --unit, did you mean --units?"),
        ("train words.txt", "rnnbp train: error: unknown argument words.txt"),
        (
            "train --epochs 1 --steps 2",
            "rnnbp train: error: argument --steps: not allowed with argument --epochs",
        ),
        ("sample", "rnnbp sample: error: the following arguments are required: MODEL"),
        (
            "sample m --top-k 0",
            "rnnbp sample: error: argument --top-k: must be at least 1, found 0",
        ),
        ("", "rnnbp: error: the following arguments are required: COMMAND"),
    ],
)
def test_a_command_line_that_is_wrong(
    args: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = error_of(capsys, *args.split())
    assert status == 2
    assert line == f"{expected}; see {expected.split(':')[0]} --help"


@pytest.mark.quick
def test_cells_that_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    status, line = error_of(capsys, "train", "--cell", "transformer")
    assert status == 2
    assert line.startswith("rnnbp train: error: argument --cell: invalid choice: 'transformer'")


# Help


@pytest.mark.quick
def test_help_shows_every_option_and_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, value in vars(Settings()).items():
        assert f"--{name}" in shown
        if value is not None:
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
    options = vars(build_parser().parse_all(["train"]))
    assert Settings.from_options(options) == Settings()
    assert options["minutes"] == MINUTES < 3


@pytest.mark.quick
def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"rnnbp {rb.__version__}\n"


def test_steps_take_the_place_of_epochs() -> None:
    options = vars(build_parser().parse_all(["train", "--steps", "7"]))
    assert (Settings.from_options(options).steps, Settings.from_options(options).epochs) == (
        7,
        None,
    )


def test_a_reader_that_has_had_enough() -> None:
    assert train("m", "--steps", 1) == 0
    reader, writer = os.pipe()
    os.close(reader)
    asked = [sys.executable, "-m", "rnnbp.cli.main", "sample", "m", "--length", "3"]
    found = subprocess.run(asked, stdout=writer, stderr=subprocess.PIPE, env=ENVIRONMENT)
    os.close(writer)
    assert (found.returncode, found.stderr) == (0, b"")


def test_runs_are_kept_out_of_version_control() -> None:
    assert f"{runs.RUNS}/" in (Path(__file__).parent.parent / ".gitignore").read_text().splitlines()


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line of a shell in a folder."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


RNNBP = f"{sys.executable} -m rnnbp.cli.main"
SMALL = "--units 8 --embedding 4 --horizon 8 --batch 4 --quiet"


@pytest.fixture(scope="module")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shell")
    (folder / "t.txt").write_text(
        "the quick brown fox jumps over the lazy dog. " * 60, encoding="utf-8"
    )
    return folder


def test_a_reader_that_goes_away_does_not_pass_for_a_finished_run(small_text: Path) -> None:
    line = (
        f"{RNNBP} train --text t.txt {SMALL} --steps 4 --out gone | true; echo ${{PIPESTATUS[0]}}"
    )
    done = shell(line, small_text)
    assert done.stdout.strip() == "1"
    assert done.stderr.count("\n") == 1
    assert "the output is closed" in done.stderr
    again = shell(f"{RNNBP} train --resume gone", small_text)
    assert again.returncode == 0, again.stderr
    assert (small_text / "gone" / "model.safetensors").exists()


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "> /dev/full"])
def test_a_closed_or_full_output_gives_no_traceback(closed: str, small_text: Path) -> None:
    folder = "closed" + str(len(closed))
    done = shell(
        f"{RNNBP} train --text t.txt {SMALL} --steps 4 --out {folder} {closed}", small_text
    )
    assert "Traceback" not in done.stderr
    assert (small_text / folder / "model.safetensors").exists()
    assert done.returncode == (1 if "full" in closed else 0)


@pytest.mark.parametrize("options", ["--help", "plan --units 8 --embedding 4"])
def test_a_reader_that_goes_away_is_no_error_where_nothing_but_text_is_made(
    options: str, small_text: Path
) -> None:
    done = shell(f"{RNNBP} {options} | true; echo ${{PIPESTATUS[0]}}", small_text)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("options", ["--version", "plan --units 8 --embedding 4"])
def test_a_full_output_is_an_error_of_every_command(options: str, small_text: Path) -> None:
    done = shell(f"{RNNBP} {options} > /dev/full", small_text)
    assert done.returncode == 1
    assert done.stderr == "rnnbp: output cannot be used: No space left on device\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("train --text " + "x" * 5000, "cannot be used: File name too long"),
        ("train --minutes 1e308", "must be above 0 and below 1e+06"),
        ("train --units 9223372036854775807", "must be at least 1 and below"),
        ("sample " + "x" * 5000, "cannot be used: File name too long"),
    ],
)
def test_odd_arguments_give_one_line(
    line: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*line.split()) in (1, 2)
    found = capsys.readouterr().err
    assert "Traceback" not in found
    assert says in found

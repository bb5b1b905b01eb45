"""Training that rounds: set up by name, the same bits when it goes on, named wherever it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.main import main
from rnnbp.storage import StorageError, load_tensors, save_tensors
from tests.helpers import assert_same_named, reals
from tests.rounded_runs import LOSS

pytest.importorskip("llvmlite")

X, TARGET = reals(8, 9, 3, dtype="float32"), reals(8, 9, 2, dtype="float32", seed=1)
DATA = rb.Sequences(X, TARGET, batch_size=4)
BFLOAT, SHORT = {"precision": "bfloat16"}, {"tape_bits": 16}
BOTH = BFLOAT | SHORT
NAMED = [
    (BFLOAT, "bfloat16 products"),
    (SHORT, "16-bit tapes"),
    (BOTH, "bfloat16 products, 16-bit tapes"),
]
LINE = ["step", "epoch", "loss", "grad_norm", "lr"]
"""Names in a line of metrics, before those of an epoch's end."""


@pytest.fixture(autouse=True)
def _unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RNNBP_BACKEND", "RNNBP_PRECISION", "RNNBP_TAPE_BITS"):
        monkeypatch.delenv(name, raising=False)


def trainer(folder: Path | None, **how: Any) -> rb.Trainer:
    model = rb.Sequential(rb.LSTM(3, 16, rng=0), rb.Dense(16, 2, rng=1))
    return rb.Trainer(model, "adam", LOSS, folder=folder, progress=False, **how)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("how", [pytest.param(SHORT, marks=pytest.mark.long), BOTH])
def test_a_run_goes_on_with_the_same_alone(tmp_path: Path, how: dict[str, Any]) -> None:
    whole = trainer(tmp_path / "whole", **how)
    whole.fit(DATA, epochs=2)
    assert whole.tape_bits == 16
    trainer(tmp_path / "half", **how).fit(DATA, epochs=1)
    for other in ({}, BFLOAT):
        with pytest.raises(ValueError, match="tape_bits was 16, is None"):
            trainer(tmp_path / "half", **other).resume()
    again = trainer(tmp_path / "half", **how).resume()
    again.fit(DATA, until_epochs=2)
    assert_same_named(again.model.params, whole.model.params)
    assert rb.Backend().tape_bits is None  # after all of them


@pytest.mark.parametrize(
    "how", [*(pytest.param(h, marks=pytest.mark.long) for h in (BFLOAT, SHORT)), BOTH]
)
def test_it_trains_as_its_backend_does(how: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNBP_PRECISION", how.get("precision", ""))
        patch.setenv("RNNBP_TAPE_BITS", str(how.get("tape_bits", "")))
        expected = trainer(None)
        expected.fit(DATA, epochs=1)
    found, exact = trainer(None, **how), trainer(None)
    for each in (found, exact):
        each.fit(DATA, epochs=1)
    assert_same_named(found.model.params, expected.model.params)
    assert not np.array_equal(exact.model.params["0.bias_ih"], found.model.params["0.bias_ih"])


@pytest.mark.parametrize(("how", "name"), NAMED, ids=["products", "tapes", "both"])
def test_files_and_reprs_name_it(tmp_path: Path, how: dict[str, Any], name: str) -> None:
    run, events = trainer(tmp_path, **how), list[Any]()
    run.callbacks = [lambda event: events.append(event.metrics["rounding"])]
    assert f"rounding   {name}" in repr(run)
    history = run.fit(DATA, epochs=1)
    assert history.rounding == name
    assert f"rounding  {name}" in repr(history)
    assert [line["rounding"] for line in lines(tmp_path)] == [name] * 2 == events[:2]
    assert load_tensors(tmp_path / "model.safetensors")[1]["rounding"] == name
    assert trainer(tmp_path, **how).resume().history.rounding == name


def test_nothing_names_it_where_all_is_exact(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    history = run.fit(DATA, epochs=1)
    assert history.rounding == ""
    assert "rounding" not in repr(run) + repr(history)
    assert [*lines(tmp_path)[0]] == [*LINE, "seconds"]
    for file in ("model", "snapshot"):
        _, found = load_tensors(tmp_path / f"{file}.safetensors")
        assert "rounding" not in json.dumps(found)


def test_a_run_that_changed_on_purpose_names_both(tmp_path: Path) -> None:
    trainer(tmp_path, **SHORT).fit(DATA, epochs=1)
    exact = trainer(tmp_path).resume(override=("backend",))
    assert exact.fit(DATA, until_epochs=2).rounding == "16-bit tapes"
    assert [line.get("rounding") for line in lines(tmp_path)] == [*["16-bit tapes"] * 2, None, None]
    other = trainer(tmp_path, **BFLOAT).resume(override=("backend",))
    assert other.fit(DATA, until_epochs=3).rounding == "bfloat16 products, 16-bit tapes"


def test_a_snapshot_that_names_something_else_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, **SHORT).fit(DATA, epochs=1)
    arrays, found = load_tensors(tmp_path / "snapshot.safetensors")
    numbers: Any = found["snapshot"]
    numbers["rounding"] = "nothing"
    save_tensors(tmp_path / "snapshot.safetensors", arrays, found)
    with pytest.raises(StorageError, match="rounding 'nothing' names what is not known"):
        trainer(tmp_path, **SHORT).resume()


def test_what_cannot_be_had_is_refused_when_it_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="tape_bits must be None or 16, found 8"):
        trainer(None, tape_bits=8)
    with pytest.raises(ValueError, match="a metric cannot be called 'rounding'"):
        trainer(None, metrics={"rounding": lambda y, target: y - target})
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    with pytest.raises(ValueError, match="found the backend 'numpy'; use 'llvm'"):
        trainer(None, **SHORT)


def test_the_command_records_and_reports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("to be or not to be, that is the question. " * 99, encoding="utf-8")
    small = ["--units", "8", "--embedding", "4", "--batch", "4", "--steps", "2"]
    given = ["train", "--text", "text", *small, "--out"]
    assert main([*given, "a", "--precision", "bfloat16", "--tape-bits", "16"]) == 0
    found, name = json.loads(Path("a/run.json").read_text())["settings"], NAMED[2][1]
    assert (found["precision"], found["tape_bits"]) == ("bfloat16", 16)
    assert json.loads(Path("a/result.json").read_text())["rounding"] == name
    assert lines(Path("a"))[1]["rounding"] == name
    said = capsys.readouterr().out
    assert f"rounds  {name}\n" in said
    assert f"s, with {name}\n" in said
    assert main(["train", "--resume", "a", "--quiet"]) == 0
    monkeypatch.setenv("RNNBP_TAPE_BITS", "16")
    assert main([*given, "b", "--quiet"]) == 0
    monkeypatch.delenv("RNNBP_TAPE_BITS")
    assert main(["train", "--resume", "b", "--quiet"]) == 0
    assert main(["train", "--resume", "b", "--tape-bits", "16"]) == 1
    assert "set up: leave out --tape-bits, or train anew" in capsys.readouterr().err
    for bad in ("8", "sixteen"):
        with pytest.raises(SystemExit):
            main([*given, "c", "--tape-bits", bad])
    said = capsys.readouterr().err
    assert "invalid choice: 8 (choose from 16)" in said
    assert "must be a whole number, found 'sixteen'" in said
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    assert main([*given, "c", "--tape-bits", "16"]) == 1
    assert "tape_bits=16 needs machine code" in capsys.readouterr().err
    assert not Path("c").exists()

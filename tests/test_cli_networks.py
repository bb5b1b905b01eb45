"""Commands and networks over time: compare and plan take them, train and sample say why not."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.drawn_data import drawn_lengths
from rnnbp.cli.main import main
from rnnbp.cli.own_problem import OwnProblem
from tests.helpers import assert_same_arrays

SOURCE = """
import rnnbp as rb


def pair():
    first, second = rb.GRU(3, 4, rng=0), rb.GRU(3, 4, rng=1)
    return rb.Sequential(rb.Bidirectional(first, second), rb.Dense(8, 2, rng=2))


def heads():
    text, about = rb.Input((), "text"), rb.Input(2, "about", per="sequence")
    h = rb.GRU(4, 4, rng=0)(rb.Embedding(10, 4, rng=1)(text))
    kind = rb.Dense((4, 2), 2, rng=3)(rb.Last()(h), about)
    return rb.Graph((text, about), {"tag": rb.Dense(4, 3, rng=2)(h), "kind": kind})


def axes():
    source, before = rb.Input(2, "source", axis="source"), rb.Input(3, "before")
    _, state = rb.GRU(2, 3, rng=0)(source, return_state=True)
    return rb.Graph((source, before), rb.GRU(3, 3, rng=1)(before, state=state))


def static():
    x, about = rb.Input(3, "x"), rb.Input(2, "about", per="sequence")
    return rb.Graph((x, about), rb.Dense((4, 2), 2, rng=3)(rb.GRU(3, 4, rng=0)(x), about))


def forward():
    return rb.Sequential(rb.GRU(3, 4, rng=0), rb.Dense(4, 2, rng=2))
"""
SMALL = ("--steps", "12", "--batch", "3")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("options", [(), ("--shortest", "4")])
@pytest.mark.parametrize("name", ["pair", "heads", "axes", "static", "forward"])
def test_compare_takes_any_model(
    name: str, options: tuple[str, ...], capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    few = ("--repeats", "1", "--budgets", "100", "--schedules", "all,sqrt", "--out", "found")
    assert main(["compare", "--model", f"nets.py:{name}", *SMALL, *few, *options]) == 0
    assert "gradients: in all rows the same bits" in " ".join(capsys.readouterr().out.split())
    found = json.loads((folder / "found" / "compare.json").read_text())
    assert found["about"]["given as"] == f"nets.py:{name}"
    assert {row["ledger_bytes"] == row["forecast_bytes"] for row in found["rows"]} == {True}


@pytest.mark.parametrize("name", ["heads", "axes", "static"])
def test_data_are_drawn_for_all_inputs_and_outputs(name: str) -> None:
    problem = OwnProblem(f"nets.py:{name}", None, None, 5, 3, 0, 2)
    (x, target), model = problem.data(), problem.build()
    found = rb.bptt(model, x, target, problem.losses, lengths=problem.lengths)
    assert np.isfinite(found.loss)
    again = OwnProblem(f"nets.py:{name}", None, None, 5, 3, 0, 2).data()
    assert_same_arrays(again[0], x)


def test_plan_counts_the_steps_of_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["plan", "--model", "nets.py:pair", "--steps", "200", "--batch", "3", "--json"]
    assert main(given) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["model"]["loss"] == "MeanSquaredError()"
    assert main([*given, "--shortest", "1"]) == 0
    ragged = json.loads(capsys.readouterr().out)
    assert ragged["forecast"] != whole["forecast"]


def test_lengths_are_drawn_for_each_axis() -> None:
    found = drawn_lengths(("a", "b"), 3, (9, 50), 0)
    assert list(found) == ["a", "b"]
    for own in found.values():
        assert (own.min(), own.max(), own[0]) == (3, 9, 9)
    assert not np.array_equal(found["a"], found["b"])
    assert drawn_lengths(("time",), None, (9, 50), 0) is None


ERRORS: dict[str, tuple[tuple[str, ...], str]] = {
    "shortest": (("plan", *SMALL, "--shortest", "13"), "--shortest 13 is more than the 12 steps of --steps; lower it"),
    "train, both directions": (("train", "--bidirectional"), "which a model that reads backward would have seen: in Python rnnbp.Bidirectional and rnnbp.fit"),
    "train, a model": (("train", "--model", "nets.py:pair"), "for one of your own call rnnbp.fit in Python"),
    "sample": (("sample", "pair.safetensors"), "found kind None; rnnbp sample steps forward through what rnnbp train has written, and a model of your own, or one that reads in both directions, is loaded in Python"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_what_a_command_does_not_take_has_a_cure(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = rb.Bidirectional(rb.GRU(3, 4, rng=0), rb.GRU(3, 4, rng=1))
    rb.save_weights(pair, "pair.safetensors")
    words, text = ERRORS[case]
    with contextlib.suppress(SystemExit):  # of the parser of options
        assert main([*words]) == 1
    assert text in " ".join(capsys.readouterr().err.split())

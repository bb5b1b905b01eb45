"""The commands as a newcomer meets them: help in a terminal, names that are nearly right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rnnbp as rb
from rnnbp.cli.main import main
from tests.commands import error_of, run

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

NUMBERS = ["--inputs", 3, "--outputs", 2, "--units", 8, "--steps", 5000, "--batch", 4]
OWN = """
import rnnbp as rb

def net():
    names = ["encoder", "middle", "decoder"]
    return rb.Sequential(*(rb.LSTM(8, 8, name=name, rng=0) for name in names), rb.Dense(8, 2))
"""


# Help


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize(
    "command", [[], ["train"], ["sample"], ["plan"], ["compare"], ["show"], ["convert"]]
)
def test_help_is_as_wide_as_the_terminal(
    columns: int,
    command: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    widest = max(map(len, capsys.readouterr().out.splitlines()))
    assert min(columns, 100) - 25 <= widest <= min(columns, 100)


def test_help_says_where_there_is_more_and_no_empty_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "rnnbp COMMAND --help lists the options of a command; in Python, help('rnnbp')" in text
    assert run("train", "--help") == 0
    assert "default: ()" not in capsys.readouterr().out
    assert run("compare", "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "of all, every-k, sqrt, revolve, hsm, ism, msm, optimal, thin, online, plan" in text


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["trian"], "argument COMMAND: invalid choice: 'trian' (did you mean 'train'?) (choose"),
        (["plan", "--cell", "LSTM"], "invalid choice: 'LSTM' (did you mean 'lstm'?) (choose from"),
        (["plan", "--optimizer", "Adam"], "invalid choice: 'Adam' (did you mean 'adam'?) (choose"),
        (["plan", "--optimizer", "x"], "invalid choice: 'x' (choose from 'sgd', 'adagrad',"),
        (["plan", "--disk", "0"], "argument --disk: disk must be at least 1 byte, found '0'"),
    ],
)
def test_a_name_that_is_nearly_right(
    args: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = error_of(capsys, *args)
    assert status == 2
    assert expected in line


# What plan takes


def planned(capsys: pytest.CaptureFixture[str], *options: str) -> dict:
    assert run("plan", *NUMBERS, "--budget", "2 MB", "--json", *options) == 0
    found: dict = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.long
def test_a_plan_without_dx_is_that_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--no-dx")
    model, loss = rb.Sequential(rb.LSTM(3, 8), rb.Dense(8, 2)), rb.losses.MeanSquaredError()
    sizes = {"steps": 5000, "batch": 4, "budget": "2 MB", "costs": rb.Costs(**found["costs"])}
    assert found["forecast"]["peak_bytes"] == rb.plan(model, loss, **sizes, dx=False).peak_bytes
    with_dx = planned(capsys)["forecast"]["peak_bytes_by_kind"]["gradients"]
    without = found["forecast"]["peak_bytes_by_kind"]["gradients"]
    assert with_dx - without == 5000 * 4 * 3 * 4


def test_too_small_a_budget_names_the_option_and_not_the_argument(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--steps", 100000, "--budget", "2 MB"]
    status, line = error_of(capsys, "plan", *NUMBERS, *options)
    assert status == 1
    assert "dx takes 4.8 MB: --no-dx leaves it out" in line
    assert run("plan", *NUMBERS, *options, "--no-dx") == 0


@pytest.mark.long
def test_an_optimizer_and_a_disk(capsys: pytest.CaptureFixture[str]) -> None:
    model = rb.Sequential(rb.LSTM(3, 8), rb.Dense(8, 2))
    held = rb.optim.Adam(model).nbytes
    found = planned(capsys, "--optimizer", "adam", "--disk", "1 MB")
    assert found["budget"] == 2 * 10**6 - held
    assert "write" in found["costs"]["fixed"]
    assert run("plan", *NUMBERS, "--budget", "2 MB", "--optimizer", "adam") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "optimizer  adam" in lines
    assert "budget     2 MB (2,000,000 bytes): 5.52 kB for the optimiser's state; 1.99 MB" in lines


def test_a_long_model_is_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(OWN)
    assert run("plan", "--model", "./mine.py:net", "--steps", 50, "--batch", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("model      ./mine.py:net, Sequential(LSTM(8, 8, name='encoder'),")
    assert lines[1].startswith(" " * 11)
    assert max(map(len, lines)) <= 80

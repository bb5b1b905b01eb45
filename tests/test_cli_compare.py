"""The commands rnnbp plan and rnnbp compare.

What they print and write, and what they say of bad input.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import rnnbp as rb
from rnnbp.cli import compare as command
from rnnbp.cli.architecture import Architecture
from rnnbp.cli.main import build_parser
from rnnbp.cli.problem import Problem
from tests.commands import error_of, late_error_of, run

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

TINY = ["--units", "8", "--embedding", "4", "--batch", "2", "--steps", "24"]
COMPARE = [
    "compare",
    *TINY,
    "--repeats",
    "1",
    "--budgets",
    "70,100%",
    "--schedules",
    "all, revolve,thin",
]
MODEL = (
    "model   LSTM, bytes, embedding of 4, 1 layer of 8 units, 256 outputs; T = 24,\n        B = 2\n"
)
OPTIONS = [
    "cell",
    "layers",
    "units",
    "embedding",
    "inputs",
    "outputs",
    "steps",
    "batch",
    "seed",
    "threads",
]


# rnnbp plan


@pytest.mark.quick
def test_a_plan_is_the_library_s(capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "--units",
        16,
        "--embedding",
        4,
        "--steps",
        50,
        "--batch",
        3,
        "--cell",
        "gru",
        "--budget",
        "1 MB",
    ]
    assert run("plan", *options, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    model = Architecture("gru", units=16, embedding=4).build()
    costs = rb.Costs(**found["costs"])
    plan = rb.plan(
        model, rb.losses.CrossEntropy(), steps=50, batch=3, budget=10**6, x_shape=(), costs=costs
    )
    assert found["chosen"]["schedule"] == plan.chosen.name
    assert (found["chosen"]["chunk"], found["budget"]) == (plan.chunk, 10**6)
    assert found["forecast"]["peak_bytes"] == plan.forecast.peak_bytes <= 10**6
    assert found["forecast"]["peak_bytes_by_kind"] == plan.forecast.peak_bytes_by_kind
    assert [other["bytes"] for other in found["frontier"]] == [
        other.bytes for other in plan.frontier
    ]
    assert run("plan", *options) == 0
    shown = capsys.readouterr().out
    model_line = "GRU, bytes, embedding of 4, 1 layer of 16 units, 256 outputs; T = 50, B = 3"
    assert model_line in " ".join(shown.split())
    assert re.search(r"^schedule +\S+", shown, re.MULTILINE)
    assert re.search(r"^Backward +[\d.]+ +[\d.]+$", shown, re.MULTILINE)


def test_a_budget_that_is_too_small_says_the_least_that_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, line = error_of(capsys, "plan", *TINY, "--budget", 1000)
    assert status == 1
    least = re.fullmatch(
        r"rnnbp: --budget: a budget of 1 kB \(1,000 bytes\) is too small for any schedule; .* bytes are enough, as '(.*?)'.*",
        line,
    )
    assert least, line
    assert run("plan", *TINY, "--budget", least[1]) == 0


def test_numbers_go_in_where_inputs_are_given() -> None:
    options = build_parser().parse_all(
        ["plan", "--inputs", "3", "--outputs", "5", "--steps", "7", "--batch", "2"]
    )
    problem = Problem.from_options(options)
    (x, target), model = problem.data(), problem.build()
    assert (x.shape, target.shape) == ((7, 2, 3), (7, 2, 5))
    assert rb.bptt(model, x, target, problem.loss).grads.keys() == model.params.keys()


def test_the_default_is_the_model_of_rnnbp_train() -> None:
    problem = Problem.from_options(build_parser().parse_all(["plan"]))
    assert repr(problem.build()) == repr(Architecture().build())


# rnnbp compare


@pytest.mark.long
def test_files_are_written_to_the_next_free_folder(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("runs/compare", "runs/compare-2"):
        assert run(*COMPARE, "--html") == 0
        shown = capsys.readouterr().out
        assert f"Written: {folder}/compare.csv, {folder}/compare.json" in shown
        whole = json.loads(Path(folder, "compare.json").read_text())
        rows = [(row["budget_percent"], row["schedule"]) for row in whole["rows"]]
        left_out = [(out["budget_percent"], out["schedule"]) for out in whole["left_out"]]
        assert sorted(rows + left_out) == [
            (n, name) for n in (70, 100) for name in ("all", "revolve", "thin")
        ]
        assert (100, "all") in rows
        assert whole["about"]["model"] == "Sequential(Embedding(256, 4), LSTM(4, 8), Dense(8, 256))"
        assert Path(folder, "compare.html").read_text(encoding="utf-8").count("<tr") == 1 + len(
            rows
        )


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*COMPARE, "--quiet", "--out", "a/b") == 0
    assert capsys.readouterr() == ("", "")
    assert Path("a/b/compare.csv").exists()


def test_without_matplotlib_it_is_said_how_to_get_pictures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(*COMPARE, "--out", "a") == 0
    expected = (
        "There will be no pictures: pictures need Matplotlib: python -m pip install 'rnnbp[plot]'\n"
    )
    assert expected in capsys.readouterr().out
    assert sorted(path.name for path in Path("a").iterdir()) == ["compare.csv", "compare.json"]


def forbid(monkeypatch: pytest.MonkeyPatch, error: type[BaseException] = AssertionError) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(command, "sweep", refuse)


def test_ctrl_c_leaves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(monkeypatch, KeyboardInterrupt)
    found = late_error_of(capsys, *COMPARE, "--out", "a")
    assert found == (130, f"{MODEL}folder  a\n", "rnnbp: stopped")
    assert not Path("a").exists()
    Path("mine").mkdir()
    found = late_error_of(capsys, *COMPARE, "--out", "mine")
    assert found == (130, f"{MODEL}folder  mine\n", "rnnbp: stopped")
    assert list(Path("mine").iterdir()) == []


def test_folders_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said before anything is run."""
    forbid(monkeypatch)
    Path("taken").mkdir()
    Path("taken/notes").write_text("mine")
    expected = "rnnbp: --out taken is not empty; name a new folder"
    assert error_of(capsys, *COMPARE, "--out", "taken") == (1, expected)
    expected = "rnnbp: --out taken/notes cannot be used: File exists; name another folder"
    assert error_of(capsys, *COMPARE, "--out", "taken/notes") == (1, expected)

    def refuse(**_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(command.tempfile, "TemporaryFile", refuse)
    expected = (
        "rnnbp: locked cannot be written to: Permission denied; name another folder with --out"
    )
    assert error_of(capsys, *COMPARE, "--out", "locked") == (1, expected)
    assert [path.name for path in Path().iterdir()] == ["taken"]


def test_budgets_that_leave_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, line = late_error_of(capsys, "compare", *TINY, "--budgets", "0.5,1", "--out", "a")
    assert (status, out) == (1, f"{MODEL}folder  a\n")
    assert re.fullmatch(
        r"rnnbp: --budgets leaves nothing to compare: sweep: no schedule fits in \S+ k?B, 1 % of full caching; "
        r"give a larger share or a longer sequence",
        line,
    )
    assert not Path("a").exists()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["plan", "--budget", "much"], "argument --budget: budget 'much' is not a number of bytes; write as '64 MB', '64 MiB', or an integer"),
        (["plan", "--budget", "0"], "argument --budget: budget must be at least 1 byte, found '0'"),
        (["plan", "--step", "3"], "unknown argument --step (did you mean --steps?)"),
        (["compare", "--budgets", "5,,7"], "argument --budgets: must be a number, found ''"),
        (["compare", "--budgets", "0"], "argument --budgets: must be above 0 and below 1e+06, found 0"),
        (["compare", "--schedules", "best"], "argument --schedules: must be out of all, every-k, sqrt, revolve, hsm, ism, msm, optimal, thin, online, plan, plan-16, found 'best'"),
        (["compare", "--repeats", "0"], "argument --repeats: must be at least 1, found 0"),
    ],
)  # fmt: skip
def test_a_command_line_that_is_wrong(
    args: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert error_of(capsys, *args) == (
        2,
        f"rnnbp {args[0]}: error: {expected}; see rnnbp {args[0]} --help",
    )


@pytest.mark.parametrize("name", ["plan", "compare"])
def test_options_that_contradict_each_other(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = "rnnbp: --embedding is for bytes, and --inputs for numbers; leave out one of the two"
    assert error_of(capsys, name, "--inputs", 3, "--embedding", 4) == (1, expected)
    assert not Path("runs").exists()


@pytest.mark.parametrize(("name", "printed"), [("plan", []), ("compare", ["model", "folder"])])
def test_a_model_that_is_too_large(
    name: str, printed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, line = late_error_of(capsys, name, "--units", 2**20 - 1, "--embedding", 1)
    assert status == 1
    assert re.findall(r"^\w+", out, re.MULTILINE) == printed
    assert "this machine has too little memory for LSTM" in line


@pytest.mark.parametrize("name", ["plan", "compare"])
def test_help_shows_every_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    shown = capsys.readouterr().out
    own = {
        "plan": ["budget", "json"],
        "compare": ["budgets", "schedules", "chunk", "repeats", "out", "html", "quiet"],
    }
    assert all(f"--{option}" in shown for option in OPTIONS + own[name])

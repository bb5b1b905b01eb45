"""A model of the user's own in rnnbp plan and rnnbp compare: ``--model module:function``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rnnbp as rb
from rnnbp.cli.main import main

SOURCE = """
import numpy as np
import rnnbp as rb

print("loading")


def build():
    return rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 2, rng=0))


words = rb.Sequential(rb.Embedding(20, 4), rb.GRU(4, 8), rb.Dense(8, 20))
cell = rb.LSTM(3, 4).cell


class models:
    small = rb.LSTM(3, 4, rng=0)


def sized(n):
    return rb.LSTM(3, n)


def no_model():
    return [rb.LSTM(3, 4)]


def of_a_file():
    return open("weights.bin")


def wrong():
    return 1 / 0


def ratio(y, target):
    return float(((y - target) ** 2).sum()), 2 * (y - target)


class Mine(rb.losses.Elementwise):
    def elements(self, y, target):
        return np.abs(y - target) ** 3, 3 * (y - target) * np.abs(y - target)


def two_outputs():
    x = rb.Input(3)
    return rb.Graph(x, [rb.Dense(3, 4)(x), rb.Dense(3, 1)(x)])
"""
SMALL = ("--steps", "20", "--batch", "2")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a module of models; what it brings into Python goes again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = {*sys.modules}
    (tmp_path / "mymodel.py").write_text(SOURCE)
    yield tmp_path
    for name in {*sys.modules} - before:
        if name.split(".")[0] in ("mymodel", "needy", "select_of_the_user", "other"):
            del sys.modules[name]


def planned(capsys: pytest.CaptureFixture[str], *options: str) -> dict:
    assert main(["plan", *SMALL, "--json", *options]) == 0
    found = capsys.readouterr()
    assert found.err == "loading\n"  # what the module prints is not among the JSON
    return json.loads(found.out)


def error_of(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["plan", *SMALL, *options]) == 1
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.quick
def test_a_plan_for_it_is_the_librarys(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--model", "mymodel:build", "--budget", "1 MB")
    model = rb.Sequential(rb.LSTM(3, 8), rb.Dense(8, 2))
    expected = rb.plan(
        model,
        rb.losses.MeanSquaredError(),
        steps=20,
        batch=2,
        budget=10**6,
        costs=rb.Costs(**found["costs"]),
    )
    assert found["chosen"]["schedule"] == expected.chosen.name
    assert found["forecast"]["peak_bytes"] == expected.forecast.peak_bytes <= 10**6
    assert found["model"]["given_as"] == "mymodel:build"
    assert found["model"]["model"] == "Sequential(LSTM(3, 8), Dense(8, 2))"


@pytest.mark.parametrize(
    ("name", "loss", "x_shape"),
    [
        ("mymodel:words", "CrossEntropy()", []),
        ("mymodel:models.small", "MeanSquaredError()", [3]),
        ("./mymodel.py:build", "MeanSquaredError()", [3]),
    ],
)
def test_it_may_be_a_model_and_in_a_file_and_the_loss_follows_from_its_input(
    name: str, loss: str, x_shape: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    found = planned(capsys, "--model", name)["model"]
    assert (found["loss"], found["x_shape"]) == (loss, x_shape)


def test_a_file_elsewhere_imports_its_neighbours_and_may_be_called_as_a_module_of_python(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "other.py").write_text("n = 5\n")
    (folder / "deep" / "select.py").write_text(
        "import other, rnnbp as rb\ndef build(): return rb.LSTM(3, other.n)\n"
    )
    assert main(["plan", *SMALL, "--model", "deep/select.py:build"]) == 0
    assert (
        "deep/select.py:build, LSTM(3, 5), MeanSquaredError(); T = 20, B = 2"
        in capsys.readouterr().out
    )


@pytest.mark.quick
@pytest.mark.parametrize(
    ("loss", "text"),
    [
        pytest.param("mae", "MeanAbsoluteError()", marks=pytest.mark.long),
        pytest.param("binary-cross-entropy", "BinaryCrossEntropy()", marks=pytest.mark.long),
        pytest.param("mymodel:Mine", "Mine()", marks=pytest.mark.long),
        ("mymodel:ratio", "mymodel:ratio"),
    ],
)
def test_a_comparison_of_it_names_it_in_its_files(
    loss: str, text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--repeats",
        "1",
        "--budgets",
        "100",
        "--schedules",
        "all",
        "--html",
        "--out",
        "found",
        "--loss",
        loss,
    ]
    assert main(["compare", *SMALL, "--model", "mymodel:build", *options]) == 0
    assert (
        f"mymodel:build, Sequential(LSTM(3, 8), Dense(8, 2)), {text}; T = 20"
        in " ".join(capsys.readouterr().out.split())  # a long line is wrapped
    )
    page = (folder / "found" / "compare.html").read_text()
    assert "<dt>given as</dt><dd>mymodel:build</dd>" in page
    assert (
        json.loads((folder / "found" / "compare.json").read_text())["about"]["given as"]
        == "mymodel:build"
    )


def test_a_network_over_time_is_planned_by_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--model", "mymodel:two_outputs", "--loss", "mse")
    assert [sweep["axis"] for sweep in found["sweeps"]] == ["time"] * len(found["sweeps"])
    assert found["forecast"]["peak_bytes"] < found["budget"]
    assert main(["plan", *SMALL, "--model", "mymodel:two_outputs"]) == 0
    assert "sweep  axis  layers" in capsys.readouterr().out


ERRORS: dict[str, tuple[tuple[str, ...], str]] = {
    "no such module": (("--model", "mymodl:build"), "there is no module 'mymodl' (did you mean 'mymodel'?"),
    "no such file": (("--model", "mymodle.py:build"), "there is no file 'mymodle.py' (did you mean 'mymodel.py'?"),
    "no such function": (("--model", "mymodel:biuld"), "has no 'biuld' (did you mean 'build'?"),
    "no name": (("--model", "mymodel"), "write it as mymodel:build"),
    "a file without a name": (("--model", "mymodel.py"), "write it as mymodel.py:build"),
    "arguments": (("--model", "mymodel:sized"), "takes n; give a model, or a function without arguments"),
    "no model": (("--model", "mymodel:no_model"), "a model is a network of layers, found [LSTM(3, 4)]"),
    "a cell": (("--model", "mymodel:cell"), "wrap the cell in Recurrent"),
    "a module of Python": (("--model", "random:build"), "has no 'build'; it has"),
    "another loss": (("--model", "mymodel:build", "--loss", "cross_entrpy"), "did you mean 'cross-entropy'?); use one of mse"),
    "no such loss": (("--model", "mymodel:build", "--loss", "mymodel:rati"), "has no 'rati' (did you mean 'ratio'?"),
    "a model as loss": (("--model", "mymodel:build", "--loss", "mymodel:build"), "--loss mymodel:build is a model, Sequential(LSTM(3, 8), Dense(8, 2)); give --model mymodel:build, and a loss: "),
    "no loss": (("--model", "mymodel:build", "--loss", "mymodel:no_model"), "--loss mymodel:no_model is [LSTM(3, 4)], no loss"),
    "options of others": (("--model", "mymodel:build", "--units", "3"), "--units is for built-in models"),
    "a loss of others": (("--loss", "mse"), "--loss goes with --model"),
    "other inputs": (("--model", "mymodel:build", "--inputs", "4"), "--inputs 4 is not what the model takes, (3,); leave it out"),
    "inputs of a network": (("--model", "mymodel:two_outputs", "--inputs", "4"), "--inputs 4 is for models of one x"),
    "budget": (("--model", "mymodel:build", "--budget", "1 kB"), "--budget: "),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_one_line_says_what_is_wrong(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    options, text = ERRORS[case]
    assert text in error_of(capsys, *options)


def test_a_file_with_the_name_of_a_module_of_python_is_named_as_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "random.py").write_text(SOURCE)
    assert "for the file here give random.py:build" in error_of(capsys, "--model", "random:build")


@pytest.mark.parametrize(
    ("name", "error"),
    [("mymodel:wrong", ZeroDivisionError), ("mymodel:of_a_file", FileNotFoundError)],
)
def test_errors_of_the_users_code_pass_and_say_whose_they_are(
    name: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as found:
        main(["plan", *SMALL, "--model", name])
    assert found.value.__notes__ == [f"in the code that was named by --model {name}"]


def test_so_does_an_import_that_the_module_lacks(folder: Path) -> None:
    (folder / "needy.py").write_text("import not_there_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        main(["plan", *SMALL, "--model", "needy:build"])


def test_nothing_is_written_for_a_comparison_that_cannot_be(folder: Path) -> None:
    assert main(["compare", *SMALL, "--model", "mymodel:no_model"]) == 1
    assert sorted(
        path.name for path in folder.iterdir() if path.suffix != "" or path.name == "runs"
    ) == ["mymodel.py"]

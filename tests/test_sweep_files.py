"""The TOML file of ``rnnbp sweep``: which runs it means, and what is refused, in one line."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest

from rnnbp.trials.config import read
from rnnbp.trials.distributions import Distribution
from rnnbp.trials.outcome import FAILED, FINISHED, Outcome, outcome, write_failure
from rnnbp.trials.picture import picture
from rnnbp.trials.results import Results, Row
from rnnbp.trials.space import identity, trials
from tests.commands import contents, error_of
from tests.sweep_command import OWN, written

pytestmark = [pytest.mark.alike, pytest.mark.usefixtures("in_a_folder_with_words")]


def test_the_grid_with_samples_and_seeds_in_order() -> None:
    text = "[sweep]\nseeds = [5, 7]\n[train]\nsteps = 3\n[grid]\nunits = [8, 4]\ncell = ['gru']\n"
    found = trials(read(Path(written(text))))
    assert found == [
        {"steps": 3, "units": units, "cell": "gru", "seed": seed}
        for units in (8, 4)
        for seed in (5, 7)
    ]
    random = "[random]\nsamples = 3\nlr = {log-uniform = [1e-4, 1e-1]}\nbatch = {integers = [2, 9]}"
    drawn = trials(read(Path(written(text + random))))
    assert len(drawn) == 12
    assert len({each["lr"] for each in drawn}) == 3
    assert [each["seed"] for each in drawn] == [5, 7] * 6
    more = trials(read(Path(written(text + random.replace("3", "5", 1)))))
    assert {identity(each) for each in drawn} <= {identity(each) for each in more}
    other = trials(read(Path(written(f"{text}{random}\nseed = 1"))))
    assert not {identity(each) for each in drawn} & {identity(each) for each in other}


@pytest.mark.parametrize(
    ("kind", "values", "least", "most", "middle"),
    [
        ("uniform", (0, 0.5), 0, 0.5, 0.25),
        ("log-uniform", (1e-4, 1.0), 1e-4, 1.0, 1e-2),
        ("integers", (2, 6), 2, 6, 4),
        ("choice", (1, 2, 3), 1, 3, 2),
    ],
)
def test_draws_lie_between_the_limits_with_the_median_of_the_distribution(
    kind: str, values: tuple[float, ...], least: float, most: float, middle: float
) -> None:
    rng = np.random.default_rng(0)
    found = [float(str(Distribution(kind, values).draw(rng))) for _ in range(4001)]
    assert least <= min(found)
    assert max(found) <= most
    assert math.isclose(float(np.median(found)), middle, rel_tol=0.1)
    assert {*values} <= {*found} or kind.endswith("uniform")


REFUSED = [
    ("[train]\nunit = 3", "[train] has 'unit', which is no option of rnnbp train (did you mean 'units'?)"),
    ('[train]\nunits = "3"', "[train] units must be a number, found the text '3'; leave out the quotes"),
    ("[train]\nunits = 3.5", "[train] units: must be a whole number, found '3.5'"),
    ("[train]\nunits = true", "[train] units must be a number or a text, found True"),
    ("[train]\ntext = 5", "[train] text must be a text, found 5; write it in quotes"),
    ("[train]\ntext = 2020-01-01", "[train] text must be a text, a finite number"),
    ("[train]\nlr = nan", "[train] lr must be finite, found nan"),
    ("[train]\nout = 'x'", "[train] out is not for a sweep: each run has a folder in that of the sweep"),
    ("[train]\nsteps = 3\nepochs = 2", "epochs and steps are both given; leave out one"),
    ("[train]\ntext = 'wrods.txt'", "is not there (did you mean 'words.txt'?)"),
    ("[train]\ntape_bits = '16'", "[train] tape_bits must be a number, found the text '16'; leave out the"),
    ("[train]\ntape_bits = 8", "[train] tape_bits: invalid choice: 8 (choose from 16)"),
    ("[grid]\nunits = []", "[grid] units must be a list of at least one value, found []"),
    ("[grid]\nunits = 3", "[grid] units must be a list of at least one value, found 3"),
    ("[grid]\ncell = ['lsmt']", "[grid] cell: invalid choice: 'lsmt' (did you mean 'lstm'?)"),
    ("[grid]\nunits = [3]\n[train]\nunits = 3", "units is in [grid] and in [train]; leave out one"),
    ("[grid]\nseed = [3]", "[grid] seed is not for a sweep: give [sweep] seeds = [0, 1, 2]"),
    ("[sweep]\nseeds = [1]\n[train]\nseed = 3", "seed is in [train] and in [sweep] as seeds"),
    ("[sweep]\nseeds = [1.5]", "[sweep] seeds must be a whole number of at least 0, found 1.5"),
    ("[sweep]\nseeds = []", "[sweep] seeds must be a list of whole numbers, as [0, 1, 2], found []"),
    ("[sweep]\nsede = [1]", "[sweep] has no 'sede' (did you mean 'seeds'?)"),
    ("[sweep]\nsort_by = 'step'", "rnnbp train reports no 'step' (did you mean 'steps'?)"),
    ("[sweep]\nfolder = 'words.txt'", "words.txt is no folder; name another"),
    ("[sweep]\nfolder = '.'", "is not empty, and not of a sweep; name another folder in [sweep]"),
    ("[sweep]\nfunction = 'own.py:trian'", "has no 'trian' (did you mean 'train'?)"),
    ("[sweep]\nfunction = 'own.py:train'\n[grid]\nunit = [3]", "takes no 'unit' (did you mean 'units'?)"),
    ("[sweep]\nfunction = 'own.py:train'", "needs 'units'; give it in [train] or [grid]"),
    ("[random]\nlr = {uniform = [0.1, 1]}", "[random] needs the number of samples"),
    ("[random]\nsamples = 0\nlr = {uniform = [0.1, 1]}", "[random] samples must be a whole number of at least 1"),
    ("[random]\nsamples = 3\nlr = {unifrom = [0, 1]}", "'unifrom' is no distribution (did you mean 'uniform'?)"),
    ("[random]\nsamples = 3\nlr = {uniform = [0, 1]}", "[random] lr: must be above 0 and finite, found 0"),
    ("[random]\nsamples = 3\nlr = {uniform = [1, 0.5]}", "are [low, high] with low < high, found [1, 0.5]"),
    ("[random]\nsamples = 3\nlr = {log-uniform = [0, 1]}", "are [low, high] with 0 < low < high"),
    ("[random]\nsamples = 3\nunits = {uniform = [1, 9]}", "[random] units: must be a whole number"),
    ("[random]\nsamples = 3\nunits = {integers = [1.5, 9]}", "are whole numbers, found 1.5"),
    ("[random]\nsamples = 3\nunits = 4", "must be one distribution, found 4"),
    ("[grd]\nunits = [1]", "'grd' is no table (did you mean 'grid'?)"),
    ("sweep = 3", "sweep must be a table, found 3; write [sweep]"),
    ("x = [", "is not TOML: Invalid value"),
    ("[grid]\nhorizon = " + str([*range(1, 400)]) + "\n[random]\nsamples = 9999\nunits = {integers = [1, 9]}", "runs, more than 100,000"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "error"), REFUSED)
def test_what_is_wrong_is_one_line(
    text: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.py").write_text(OWN, encoding="utf-8")
    file = written(text)
    status, line = error_of(capsys, "sweep", file)
    assert status == 1
    assert error in line
    assert list(Path().rglob("0*")) == []


def test_no_file_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    written("")
    assert (
        "there is no file y.toml (did you mean 'x.toml'?)" in error_of(capsys, "sweep", "y.toml")[1]
    )
    Path("x.toml").write_bytes(b"\xff")
    assert "x.toml is not TOML: it is not UTF-8" in error_of(capsys, "sweep", "x.toml")[1]
    assert set(contents()) == {"words.txt", "x.toml"}


def row(name: str, figure: float, **options: int) -> Row:
    return Row(name, {**options}, Outcome(FINISHED, {"seconds": 2.0, "score": figure}))


ROWS = [
    row("000", 3.0, units=4, seed=0),
    row("001", 1.0, units=4, seed=1),
    row("002", math.nan, units=8, seed=0),
    row("003", 1.5, units=8, seed=1),
    Row("004", {"units": 9, "seed": 0}, Outcome(FAILED, {}, "no")),
]


@pytest.mark.parametrize(
    ("sort_by", "order", "means"),
    [("score", "001 003 000 002 004", [1.5, 2.0]), ("-score", "000 003 001 002 004", [2.0, 1.5])],
)
def test_the_best_is_the_first(sort_by: str, order: str, means: list[float]) -> None:
    found = Results.of(ROWS, ["units", "seed"], sort_by)
    assert [each.name for each in found.rows] == order.split()
    assert [sum(values) / len(values) for _, values in found.means()] == means
    lines = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [line["run"] for line in lines] == order.split()
    assert lines[-1] == {"run": "004", "units": "9", "seed": "0", "state": "failed", "score": "", "seconds": "", "error": "no"}  # fmt: skip


def test_the_picture_is_a_png() -> None:
    pytest.importorskip("matplotlib")
    data = picture(Results.of(ROWS, ["units", "seed"], "score"))
    assert data.startswith(b"\x89PNG")


def test_states_of_folders(tmp_path: Path) -> None:
    tmp_path /= "run"
    assert outcome(tmp_path, "lstm").state == "waiting"
    tmp_path.mkdir()
    (tmp_path / "output.txt").write_text("x")
    assert outcome(tmp_path, "lstm").state == "waiting"
    (tmp_path / "run.json").write_text("{}")
    assert outcome(tmp_path, "lstm").state == "interrupted"
    (tmp_path / "result.json").write_text(
        '{"bits": {"gru": 2, "lstm": 3}, "loss": "nan", "reason": "time"}'
    )
    found = outcome(tmp_path, "lstm")
    assert (found.state, found.figures["bits"]) == ("time", 3.0)
    assert math.isnan(found.figures["loss"])
    write_failure(tmp_path, "no\x1b\nmore", "Traceback")
    assert outcome(tmp_path, "gru") == Outcome("failed", {}, "no\\x1b more")

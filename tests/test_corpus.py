"""Schedules and forecasts are what they were, to the byte; and the corpus sees what differs.

A forecast or a schedule that is changed on purpose is recorded anew, by
``python -m tests.corpus record tests/data/forecasts.json --portable``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.corpus import recording
from tests.corpus.__main__ import main
from tests.corpus.case import Case
from tests.corpus.cases import BACKENDS, all_cases
from tests.corpus.digests import Found, flat
from tests.corpus.models import NETWORKS
from tests.corpus.recording import differences, found_by, portable, read
from tests.corpus.runs import Gradient

_, EXPECTED = read(Path(__file__).parent / "data" / "forecasts.json")
PORTABLE = {case.name: case for case in all_cases() if case.portable}
SMALL = "one step/regression"


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("schedules/")])
def test_schedules_have_the_actions_that_they_had(name):
    assert differences(EXPECTED[name], portable(found_by(PORTABLE[name]))) == []


@pytest.mark.one_in(4)
@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize(
    "schedule", ["all", "sqrt", "revolve 3", "thin 2", "optimal 7", "sqrt on disk", "online 2"]
)
@pytest.mark.parametrize("network", ["regression", "dropped", "deep", "stack", "residual"])
def test_forecasts_have_the_bytes_that_they_had(network, schedule, backend):
    name = f"forecasts/{network}/{schedule}/{backend}"
    assert differences(EXPECTED[name], portable(found_by(PORTABLE[name]))) == []


def test_every_portable_case_is_in_the_file():
    assert set(EXPECTED) == set(PORTABLE)


@dataclass(frozen=True)
class Changed:
    """A run whose findings are changed by a function."""

    change: str

    def run(self) -> Found:
        return Gradient(NETWORKS["regression"], backend="numpy").run() | {self.change: 1}


@pytest.mark.parametrize("change", ["stats.peak_bytes", "grads.0.weight_ih", "loss", "a new name"])
def test_a_difference_is_named(change):
    before = found_by(Case("before", Gradient(NETWORKS["regression"], backend="numpy"), "numpy"))
    after = found_by(Case("after", Changed(change), "numpy"))
    (line,) = differences(before, after)
    assert line == f"{change}: {before.get(change, 'nothing')} before, 1 now"
    assert differences(before, after, [change.split(".")[-1]]) == []


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros(3), -np.zeros(3)),
        (np.zeros(3), np.zeros(3, np.float32)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (1.0, np.nextafter(1.0, 2)),
        ((np.ones(2), None), (np.ones(2), np.ones(2))),
    ],
)
def test_a_bit_a_dtype_a_shape_or_an_absence_makes_another_digest(a, b):
    assert flat("x", a) != flat("x", b)


def test_recording_twice_finds_the_same(tmp_path, capsys):
    pytest.importorskip("llvmlite")
    path = tmp_path / "digests.json"
    assert main(["record", str(path), "--only", SMALL]) == 0
    assert main(["check", str(path), "--only", SMALL]) == 0
    assert "0 of 1 cases differ" in capsys.readouterr().out


def test_digests_of_another_machine_are_refused(tmp_path, capsys):
    path = tmp_path / "digests.json"
    recording.write(path, {"processor": "a 6502"}, {SMALL: {"loss": "1"}})
    assert main(["check", str(path), "--only", SMALL]) == 2
    assert "processor: a 6502 before" in capsys.readouterr().out


def test_a_changed_value_is_printed_with_its_case(tmp_path, capsys):
    path = tmp_path / "digests.json"
    name = "schedules/all"
    before = EXPECTED[name] | {"3.actions": "none"}
    recording.write(path, {}, {name: before})
    assert main(["check", str(path), "--only", name, "--portable"]) == 1
    said = capsys.readouterr().out
    assert name in said
    assert "3.actions: none before, 6 actions" in said


def test_a_case_that_is_gone_is_a_difference(tmp_path, capsys):
    path = tmp_path / "digests.json"
    recording.write(path, {}, {"schedules/all": EXPECTED["schedules/all"], "one/that was": {}})
    assert main(["check", str(path), "--only", "schedules/all", "--portable"]) == 1
    assert "1 cases are no more: one/that was" in capsys.readouterr().out

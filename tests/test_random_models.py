"""A few dozen random models, every backend and schedule; ``random_models`` runs more."""

from __future__ import annotations

import pytest

from tests.generator.draws import Seeded
from tests.generator.runs import case_of
from tests.random_models import main, run_one

pytestmark = pytest.mark.long


@pytest.mark.parametrize("first", range(0, 30, 5))
def test_random_models(first: int) -> None:
    for number in range(first, first + 5):
        run_one(21, number, bytes_of="none")


def test_a_seed_draws_the_same_model() -> None:
    one, other = (case_of(Seeded(5, 9)) for _ in range(2))
    assert repr(one.model) == repr(other.model)
    assert one.run("interpreter").loss == other.run("interpreter").loss


def test_the_runner_says_how_to_run_a_failure_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.generator.checks.TOLERANCE", {"float64": -1.0, "float32": -1.0})
    assert main(["--models", "1", "--first", "3", "--seed", "21"]) == 1
    found = capsys.readouterr().out
    assert "--seed 21 --first 3 --models 1" in found
    assert "1 × numbers" in found

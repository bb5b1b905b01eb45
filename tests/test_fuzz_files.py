"""Some hundreds of inputs of the fuzzer of files; many more by ``python -m tests.fuzz_files``."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnbp.cli.architecture import Architecture
from tests.fuzz_files import KINDS, mutated, run

pytestmark = pytest.mark.long


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_end_in_documented_errors(kind: str) -> None:
    faults, figures = run([kind], 150, seed=5)
    assert faults == []
    assert sum(figures.values()) == 150


def test_an_input_can_be_had_again(tmp_path: Path) -> None:
    loader = KINDS["metrics"](tmp_path)
    inputs = [mutated(loader, "metrics", 0, k) for k in range(20)]
    assert inputs == [mutated(loader, "metrics", 0, k) for k in range(20)]
    assert len(set(inputs)) > 15


def test_a_loader_that_lets_an_error_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        KINDS["metrics"], "load", lambda self: self.path.read_bytes().decode("utf-16").index("{")
    )
    faults, _ = run(["metrics"], 10, seed=0)
    assert len(faults) == 10


def test_a_cell_that_is_a_long_list_is_refused_in_one_short_line() -> None:
    with pytest.raises(
        ValueError, match=r"lstm, gru, rnn, found \[\[\], .*of type list$"
    ) as caught:
        Architecture([[]] * 3000, 1, 3, 2)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 200

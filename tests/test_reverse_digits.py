"""experiments/reverse_digits.py: rows by their definition, decoding step by step, a small run."""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

SCRIPT = Path(__file__).parent.parent / "experiments" / "reverse_digits.py"
REV = runpy.run_path(str(SCRIPT))
END, START = REV["END"], REV["START"]


def listed(column: Any) -> list[int]:
    return [int(v) for v in column]


@pytest.mark.quick
def test_the_target_is_the_row_in_reverse_and_its_end() -> None:
    found = REV["rows"](300, (2, 6), 0)
    assert found.source.shape == (6, 300)
    assert found.target.shape == found.before.shape == (7, 300)
    assert set(found.length) == {2, 3, 4, 5, 6}
    assert np.bincount(found.source.ravel(), minlength=10).min() > 50
    for k, n in enumerate(found.length):
        digits = listed(found.source[:n, k])
        assert listed(found.target[: n + 1, k]) == [*digits[::-1], END]
        assert listed(found.before[: n + 1, k]) == [START, *digits[::-1]]
        assert not found.source[n:, k].any()
        assert not found.target[n + 1 :, k].any()
    np.testing.assert_array_equal(found.lengths["source"] + 1, found.lengths["target"])


def test_rows_are_a_function_of_the_seed() -> None:
    one, same, other = (REV["rows"](20, (3, 5), seed) for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(one.source, same.source)
    assert (one.length != other.length).any()


def test_a_row_is_exact_to_its_end_and_no_further() -> None:
    given = REV["rows"](3, (2, 4), 1)
    assert REV["exact"](given.target, given).all()
    for k, n in enumerate(given.length):
        wrong, after = given.target.copy(), given.target.copy()
        wrong[n, k] = 3
        after[n + 1 :, k] = 7
        assert listed(~REV["exact"](wrong, given)) == [j == k for j in range(3)]
        assert REV["exact"](after, given).all()


def test_writing_step_by_step_is_the_network_that_is_trained() -> None:
    """Given what it has written before, the network in training finds the same likeliest symbols.

    It looks at digits alone, and at all of them.
    """
    network, given = REV["build"](8, 0), REV["rows"](5, (2, 6), 3)
    symbols, weights = REV["written"](network, given)
    before = np.concatenate([np.full((1, 5), START), symbols[:-1]])
    x = {"source": given.source, "before": before}
    logits = rb.predict(network.trained, x, lengths={"source": given.length})[0]
    np.testing.assert_array_equal(logits.argmax(axis=-1), symbols)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(
        weights[0] > 0, np.arange(given.length.max()) < given.length[:, None]
    )


def test_a_batch_is_of_rows_of_several_lengths() -> None:
    options = SimpleNamespace(shortest=2, longest=5, batch=6, seed=0)
    batches = REV["batches"](options)
    one, other = batches.batch(0, 0), batches.batch(1, 0)
    expected = REV["rows"](6, (2, 5), (0, 0, 0))
    np.testing.assert_array_equal(one.x["source"], expected.source)
    np.testing.assert_array_equal(one.lengths["target"], expected.length + 1)
    assert not np.array_equal(one.lengths["source"], other.lengths["source"])


@pytest.mark.long
def test_it_learns_short_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = "--units 32 --shortest 1 --longest 4 --epochs 12 --lr 1e-2"
    monkeypatch.setattr(sys, "argv", f"reverse.py {given} --folder {tmp_path}".split())
    REV["main"]()
    text = capsys.readouterr().out
    share = float(text.partition("% of 1,000 new rows exact")[0].split()[-1])
    assert share > 90, text
    assert (tmp_path / "attention.png").exists() == (find_spec("matplotlib") is not None)

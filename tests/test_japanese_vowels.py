"""experiments/japanese_vowels.py: its reader of files, its networks, and small runs."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

SCRIPT = Path(__file__).parent.parent / "experiments" / "japanese_vowels.py"
VOWELS = runpy.run_path(str(SCRIPT))
LSTM, BOTH = VOWELS["LSTM"], VOWELS["BOTH"]
Utterances = VOWELS["Utterances"]
TEXT = """# A comment: with a colon.
@problemName Two
@classLabel true 1 2
@data
1.5,2,-3e-1:4,?,6:2
7:8:1
"""
needs_series = pytest.mark.skipif(
    not any(map(find_spec, VOWELS["PACKAGES"])), reason="needs the series of sktime or aeon"
)


def uttered(count: int, seed: int = 0) -> Any:
    """Utterances of 7 to 29 steps whose speaker is told by the mean of a channel."""
    rng = np.random.default_rng(seed)
    speaker, steps = np.arange(count) % 9, rng.integers(7, 30, count)
    series = [rng.normal(size=(n, 12)).astype(np.float32) for n in steps]
    for one, who in zip(series, speaker, strict=True):
        one[:, who] += 2
    return Utterances(series, speaker)


@pytest.mark.quick
def test_a_file_is_read_by_its_definition() -> None:
    found = VOWELS["read"](TEXT)
    assert [one.tolist() for one in found.series[1:]] == [[[7, 8]]]
    expected = np.array([[1.5, 4], [2, np.nan], [-0.3, 6]], np.float32)
    np.testing.assert_array_equal(found.series[0], expected)
    assert found.speaker.tolist() == [1, 0]


@pytest.mark.parametrize("network", [LSTM, BOTH])
def test_an_utterance_is_answered_by_the_mean_over_its_steps(network: str) -> None:
    given, model = uttered(6), VOWELS["build"](network, 5, 0.3, 0)
    layer, _, _, head = model
    means = [rb.predict(layer, one[:, None])[0].mean(axis=(0, 1)) for one in given.series]
    expected = np.array(means) @ head.params["weight"].T + head.params["bias"]
    found = rb.predict(model, rb.Sequences(*given, batch_size=4))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(VOWELS["answers"](model, given), found.argmax(axis=-1))


def test_only_the_bidirectional_one_has_twice_the_weights() -> None:
    sizes = [
        sum(p.size for p in VOWELS["build"](network, 7, 0, 0).params.values())
        for network in (LSTM, BOTH)
    ]
    lstm = 4 * 7 * (12 + 7 + 2)
    assert sizes == [lstm + 9 * 8, 2 * lstm + 9 * 15]


def test_confusions_are_counted() -> None:
    found = VOWELS["confusion"](np.array([1, 1, 0, 8]), np.array([1, 1, 2, 8]))
    assert found.sum() == 4
    assert (found[1, 1], found[2, 0], found[8, 8]) == (2, 1, 1)


@pytest.mark.long
@pytest.mark.parametrize("network", [LSTM, BOTH])
def test_it_learns_who_speaks(network: str) -> None:
    options = SimpleNamespace(units=16, dropout=0.2, batch=18, lr=1e-2, epochs=6)
    model = VOWELS["train"](network, uttered(180), options, 0)
    fresh = uttered(90, seed=1)
    assert (VOWELS["answers"](model, fresh) == fresh.speaker).mean() > 0.95


@needs_series
def test_the_series_are_those_of_the_paper() -> None:
    learnt, tested = VOWELS["load"]()
    assert np.bincount(learnt.speaker).tolist() == [30] * 9
    assert np.bincount(tested.speaker).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    steps = [len(one) for one in learnt.series + tested.series]
    assert (min(steps), max(steps)) == (7, 29)
    every = np.concatenate(learnt.series)
    np.testing.assert_allclose(every.mean(axis=0), np.zeros(12), atol=1e-4)
    np.testing.assert_allclose(every.std(axis=0), np.ones(12), atol=1e-4)


@pytest.fixture
def text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[str]:
    given = "--units 20 --epochs 4 --seeds 2 --seed 3"
    monkeypatch.setattr(sys, "argv", f"vowels.py {given} --folder {tmp_path}".split())
    VOWELS["main"]()
    yield capsys.readouterr().out
    drawn = (tmp_path / "japanese_vowels.png").exists()
    assert drawn == (find_spec("matplotlib") is not None)


@needs_series
@pytest.mark.long
def test_it_writes_what_it_finds(text: str) -> None:
    assert text.startswith("270 utterances to learn from, 370 of the test set, of 7 to 29 steps")
    assert "seed 3  seed 4  median" in text
    rows = re.findall(r"^(?:LSTM|bidirectional) +([\d.]+) +([\d.]+) +([\d.]+)$", text, re.M)
    assert len(rows) == 2
    for row in rows:
        one, other, median = map(float, row)
        assert median == pytest.approx((one + other) / 2, abs=0.11)
        assert median > 60

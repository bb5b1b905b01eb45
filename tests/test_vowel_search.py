"""experiments/vowel_search.py: the way of the parameters and the file, and what it reaches."""

from __future__ import annotations

import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
needs_series = pytest.mark.skipif(
    not any(map(find_spec, ("sktime", "aeon"))), reason="needs the series of sktime or aeon"
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the script, which imports another from its folder."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return runpy.run_path(str(EXPERIMENTS / "vowel_search.py"))


@pytest.mark.long
@pytest.mark.grid
def test_a_search_finds_a_classifier_that_goes_through_a_file(
    script: dict[str, Any], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    speaker = np.arange(45) % 9
    series = [rng.normal(50 * np.eye(12)[who], 20, (rng.integers(7, 30), 12)) for who in speaker]
    options = SimpleNamespace(units=12, epochs=20, memory="1 MB", jobs=1)
    found = script["search"](options, 0).fit(series, speaker)
    scaler, classifier = found.best_estimator_
    again = script["loaded"](classifier, tmp_path / "speaker.safetensors")
    scaled = scaler.transform(series)
    assert np.array_equal(again.predict_proba(scaled), classifier.predict_proba(scaled))
    assert found.score(series, speaker) > 0.9
    assert len(found.cv_results_["params"]) == 4


@needs_series
@pytest.mark.long
@pytest.mark.grid
def test_it_tells_speakers_apart(
    script: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = f"--seeds 1 --jobs 1 --folder {tmp_path}"
    monkeypatch.setattr(sys, "argv", f"vowel_search.py {given}".split())
    script["main"]()
    text = capsys.readouterr().out
    assert float(re.findall(r"([\d.]+) % of the test set right", text)[0]) >= 93
    assert len(re.findall("^seed 0: {'bidirectional'", text)) == 1

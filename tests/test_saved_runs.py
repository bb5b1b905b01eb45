"""Snapshots, weights and metrics of an earlier version are read, and go on as they did then.

The files in tests/data/saved were written by version 0.1.0 on Linux with kernels, by ``python -m
tests.saved_runs``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from tests.saved_runs import MORE, RUNS, SAVED, X, outputs

SAVED_FILES = Path(__file__).parent / "data" / "saved"
EXPECTED = json.loads((SAVED_FILES / "expected.json").read_text(encoding="utf-8"))
ELSEWHERE = ("processor", "libraries", "backend")
"""What differs on another machine; nothing else may."""
ROUNDING = {"text": 2e-4, "sequences": 1e-9, "layers": 2e-4, "budget": 2e-4}
"""Of each run's dtype, and of some steps of training."""


def continued(name, folder):
    """(trainer, data) of a run after its snapshot, in a copy of its folder."""
    shutil.copytree(SAVED_FILES / name, folder)
    trainer, data = RUNS[name](folder=folder)
    trainer.resume(override=ELSEWHERE)
    return trainer, data


def agrees(y, name, which):
    np.testing.assert_allclose(y, EXPECTED[name][which], rtol=ROUNDING[name], atol=ROUNDING[name])


@pytest.mark.parametrize("name", RUNS)
def test_a_snapshot_goes_on_to_the_losses_and_outputs_of_then(name, tmp_path):
    trainer, data = continued(name, tmp_path / "run")
    history = trainer.fit(data, steps=SAVED + MORE)
    assert history.losses[:SAVED] == EXPECTED[name]["losses"][:SAVED]
    np.testing.assert_allclose(history.losses, EXPECTED[name]["losses"], rtol=ROUNDING[name])
    np.testing.assert_allclose(
        history.validation_losses, EXPECTED[name]["validation"], rtol=ROUNDING[name]
    )
    agrees(outputs(name, trainer.model), name, "outputs in the end")


@pytest.mark.parametrize("name", RUNS)
def test_weights_have_the_outputs_of_then(name):
    trainer, _ = RUNS[name]()
    metadata = rb.load_weights(trainer.model, SAVED_FILES / f"{name}.safetensors")
    assert metadata == {"run": name, "steps": SAVED}
    agrees(outputs(name, trainer.model), name, "outputs of weights")


@pytest.mark.parametrize("name", RUNS)
def test_weights_are_written_with_the_names_and_arrays_of_then(name, tmp_path):
    trainer, _ = RUNS[name]()
    rb.load_weights(trainer.model, SAVED_FILES / f"{name}.safetensors")
    rb.save_weights(trainer.model, tmp_path / "again", metadata={"run": name, "steps": SAVED})
    assert (tmp_path / "again").read_bytes() == (SAVED_FILES / f"{name}.safetensors").read_bytes()


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_goes_on_keeps_the_lines_of_then_and_adds_its_own(name, tmp_path):
    trainer, data = continued(name, tmp_path / "run")
    trainer.fit(data, steps=SAVED + MORE)
    before = (SAVED_FILES / name / "metrics.jsonl").read_bytes()
    after = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    assert after.startswith(before)
    first, added = json.loads(before.splitlines()[0]), after[len(before) :].splitlines()
    assert len(added) == MORE
    assert first.keys() <= json.loads(added[0]).keys()


def test_another_learning_rate_than_that_of_then_is_refused(tmp_path):
    shutil.copytree(SAVED_FILES / "layers", tmp_path / "run")
    trainer, _ = RUNS["layers"](folder=tmp_path / "run")
    trainer.optimizer.learning_rate = 0.02
    with pytest.raises(ValueError, match=r"learning_rate was .*, is 0\.02"):
        trainer.resume(override=ELSEWHERE)


def test_other_data_than_those_of_then_are_refused(tmp_path):
    trainer, data = continued("sequences", tmp_path / "run")
    other = rb.Sequences(
        X + 1, X.sum(axis=(1, 2))[:, None], last=True, batch_size=data.batch_size, seed=5
    )
    with pytest.raises(ValueError, match="data"):
        trainer.fit(other, steps=SAVED + MORE)

"""A second call of ``fit`` goes on: epochs and steps count from now, ``until_`` in all."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.training import lines, outcome

MSE = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(10, 4, 2)).astype(np.float32)
DATA = rb.Sequences(X, X[..., :1].copy(), batch_size=2)  # 5 batches


def trainer(**options: Any) -> rb.Trainer:
    model = rb.Sequential(rb.Dense(2, 3, rng=0), rb.Tanh(), rb.Dense(3, 1, rng=1))
    return rb.Trainer(model, rb.optim.Adam(model, learning_rate=0.01), MSE, **options)


def weights(run: rb.Trainer) -> bytes:
    return b"".join(p.tobytes() for p in run.model.params.values())


def test_two_epochs_and_two_more() -> None:
    run, whole = trainer(), trainer()
    assert run.fit(DATA, epochs=2).steps == 10
    history = run.fit(DATA, epochs=2)
    assert (history.steps, history.reason) == (20, "finished")
    assert history.losses == whole.fit(DATA, epochs=4).losses
    assert weights(run) == weights(whole)


SECOND: dict[str, tuple[dict[str, Any], int]] = {
    "steps": ({"steps": 4}, 11),
    "an epoch, after the rest of one that was begun": ({"epochs": 1}, 15),
    "until steps": ({"until_steps": 9}, 9),
    "until steps that are done": ({"until_steps": 3}, 7),
    "until epochs": ({"until_epochs": 2}, 10),
    "what comes first": ({"steps": 2, "until_epochs": 4}, 9),
    "what comes first in all": ({"steps": 5, "until_epochs": 2}, 10),
    "both": ({"epochs": 2, "until_steps": 8}, 8),
    "time": ({"steps": 2, "max_seconds": 1e3}, 9),
}


@pytest.mark.filterwarnings("ignore:Trainer.fit. nothing to do")
@pytest.mark.parametrize("case", SECOND)
def test_how_long_a_second_fit_is(case: str) -> None:
    limits, steps = SECOND[case]
    run = trainer()
    run.fit(DATA, steps=7)
    assert run.fit(DATA, **limits).steps == steps


@pytest.mark.parametrize("name", ["epochs", "steps"])
@pytest.mark.parametrize("more", [1, 4])
def test_a_loop_that_counts_in_all_is_warned_of_once(
    name: str, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only such a loop: a first ``fit`` and a longer second one are what the help describes."""
    monkeypatch.setattr("rnnbp.train.fit_call.said", [])
    run, other = trainer(), trainer()
    for each in (run, other):
        each.fit(DATA, steps=2)  # before the loop
        each.fit(DATA, **{name: more})
        each.fit(DATA, **{name: 2 * more})
    text = rf"{name}={3 * more} counts from now, .* write until_{name}={3 * more}$"
    with pytest.warns(FutureWarning, match=text) as found:
        run.fit(DATA, **{name: 3 * more})
    other.fit(DATA, **{name: 3 * more})  # warnings are errors
    assert [w.filename for w in found] == [__file__]


OFTEN: list[list[dict[str, int]]] = [
    [{"epochs": 1}, {"epochs": 3}, {"epochs": 3}],
    [{"epochs": 1}, {"epochs": 1}, {"epochs": 5}],
    [{"steps": 2}, {"steps": 9}, {"steps": 3}],
    [{"epochs": 2}, {"epochs": 3}, {"epochs": 4}],
    [{"epochs": 1}, {"epochs": 2}, {"until_epochs": 6}],
    [{"epochs": 1}, {"steps": 10}, {"epochs": 3}],
]


@pytest.mark.parametrize("calls", OFTEN, ids=str)
def test_who_goes_on_as_the_help_says_is_not_warned(
    calls: list[dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnbp.train.fit_call.said", [])
    run = trainer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [run.fit(DATA, **limits).reason for limits in calls] == ["finished"] * 3


@pytest.mark.parametrize("name", ["until_epochs", "until_steps"])
@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_what_is_no_count(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"Trainer.fit: {name} must be"):
        trainer().fit(DATA, **{name: value})


@pytest.mark.parametrize("stop", [3, 5, 8])
def test_a_script_that_resumes_ends_where_the_unstopped_one_does(tmp_path: Path, stop: int) -> None:
    def script(folder: Path, **limits: Any) -> rb.Trainer:
        run = trainer(folder=folder).resume(missing_ok=True)
        assert run.fit(DATA, **limits).steps == min(limits.get("steps", 10), 10)
        return run

    script(tmp_path / "run", steps=stop)
    script(tmp_path / "run", epochs=2)
    script(tmp_path / "whole", epochs=2)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def stopped_at(step: int, **options: Any) -> rb.Trainer:
    def fail(event: rb.train.Event) -> None:
        if event.metrics["step"] == step:
            raise OSError("away")

    return trainer(callbacks=[fail], **options)


def test_a_second_fit_that_is_killed_goes_on_from_where_it_began(tmp_path: Path) -> None:
    run = stopped_at(13, folder=tmp_path)
    run.fit(DATA, epochs=2)
    with pytest.raises(OSError, match="away"):
        run.fit(DATA, epochs=2)
    resumed = trainer(folder=tmp_path).resume()
    assert resumed.fit(DATA, epochs=2).steps == 20
    assert resumed.fit(DATA, epochs=1).steps == 25, "in the same process it counts from now"


def test_a_second_fit_that_is_killed_before_its_first_snapshot(tmp_path: Path) -> None:
    run = trainer(folder=tmp_path)
    run.fit(DATA, epochs=2)
    before = rb.storage.load_tensors(tmp_path / "snapshot.safetensors")[0]
    run.model.blocks[2].params["bias"][...] = np.nan
    with pytest.raises(FloatingPointError):
        run.fit(DATA, epochs=2)
    after = rb.storage.load_tensors(tmp_path / "snapshot.safetensors")
    assert after[1]["snapshot"]["began"] == [10, 2]
    assert after[0].keys() == before.keys()


def test_a_snapshot_of_an_earlier_version_counts_all(tmp_path: Path) -> None:
    trainer(folder=tmp_path).fit(DATA, epochs=1)
    arrays, metadata = rb.storage.load_tensors(tmp_path / "snapshot.safetensors")
    del metadata["snapshot"]["began"]
    rb.storage.save_tensors(tmp_path / "snapshot.safetensors", arrays, metadata)
    assert trainer(folder=tmp_path).resume().fit(DATA, epochs=3).steps == 15


@pytest.mark.parametrize("began", [[6, 0], [0, 3], [0], "now", [-1, 0]])
def test_a_beginning_that_cannot_be_is_refused(tmp_path: Path, began: Any) -> None:
    trainer(folder=tmp_path).fit(DATA, epochs=1)
    arrays, metadata = rb.storage.load_tensors(tmp_path / "snapshot.safetensors")
    metadata["snapshot"]["began"] = began
    rb.storage.save_tensors(tmp_path / "snapshot.safetensors", arrays, metadata)
    run = trainer(folder=tmp_path)
    before = weights(run)
    with pytest.raises(rb.StorageError, match="began"):
        run.resume()
    assert weights(run) == before


# The best parameters, and a second fit


VALIDATED: dict[str, Any] = {
    "validation": rb.Sequences(-X, X[..., :1].copy(), batch_size=5),
    "patience": 2,
}


def test_a_second_fit_goes_on_from_the_last_parameters_not_the_best(tmp_path: Path) -> None:
    run, whole = trainer(folder=tmp_path, **VALIDATED), trainer(**VALIDATED | {"patience": 50})
    first = run.fit(DATA, epochs=50)
    assert first.reason == "early stopping"
    assert first.best_step < first.steps
    assert run.fit(DATA, epochs=1).losses == whole.fit(DATA, steps=first.steps + 5).losses
    assert [line["step"] for line in lines(tmp_path)] == list(range(1, first.steps + 6))


def test_parameters_that_are_written_between_two_fits_are_kept() -> None:
    run, other = trainer(**VALIDATED), trainer()
    best = run.fit(DATA, epochs=50).best_step
    assert best is not None
    for name, p in other.model.params.items():
        run.model.params[name][...] = p * 100
    assert run.fit(DATA, steps=1).losses[-1] > 50 * run.at.history.losses[-2]
    assert run.at.best_weights.keys() == run.model.params.keys()


def test_a_second_fit_that_cannot_begin_leaves_the_best_in_the_model(tmp_path: Path) -> None:
    run = trainer(folder=tmp_path / "run", **VALIDATED)
    first = run.fit(DATA, epochs=50)
    best = weights(run)
    (tmp_path / "run" / "metrics.jsonl").unlink()
    (tmp_path / "run" / "metrics.jsonl").mkdir()
    with pytest.raises(rb.StorageError, match="metrics"):
        run.fit(DATA, epochs=1)
    assert weights(run) == best
    (tmp_path / "run" / "metrics.jsonl").rmdir()
    whole = trainer(**VALIDATED | {"patience": 50})
    assert run.fit(DATA, epochs=1).losses == whole.fit(DATA, steps=first.steps + 5).losses


def test_the_best_are_in_the_model_after_every_fit() -> None:
    run = trainer(**VALIDATED)
    for epochs in (3, 2, 1, 4):
        run.fit(DATA, epochs=epochs)
        assert all(
            np.array_equal(p, run.at.best_weights[name]) for name, p in run.model.params.items()
        )

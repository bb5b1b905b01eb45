"""Snapshots that are whole but wrong: refused, and nothing of the run has changed."""

from __future__ import annotations

import copy
from functools import lru_cache

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import StorageError, load_tensors, save_tensors
from tests.training import sequence_run, text_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(arrays, metadata) of a snapshot with all that one can hold, and of a run of momentum."""
    found = {}
    for name, make in (("text", text_run), ("sequences", sequence_run)):
        folder = tmp_path_factory.mktemp("whole") / name
        trainer, data = make(folder=folder)
        trainer.fit(data, steps=5)
        found[name] = load_tensors(folder / "snapshot.safetensors")
    return found


def everything(trainer):
    """All that resuming may change, as copies."""
    plateau = trainer.parts.plateau
    return {
        "params": {name: p.copy() for name, p in trainer.model.params.items()},
        "optimizer": trainer.optimizer.state_dict()
        | {"lr": np.array(trainer.optimizer.learning_rate)},
        "plateau": {}
        if plateau is None
        else {k: np.array(v) for k, v in plateau.state_dict().items()},
        "at": {"step": np.array(trainer.at.step), "losses": np.array(trainer.at.history.losses)},
    }


def same(a, b):
    return all(
        a[part].keys() == b[part].keys()
        and all(np.array_equal(a[part][k], b[part][k]) for k in a[part])
        for part in a
    )


@lru_cache
def unstarted(make):
    """A run whose parameters no snapshot has; each test asserts that it has not changed."""
    trainer, _ = make()
    for p in trainer.model.params.values():
        p += 1
    return trainer


def refused(tmp_path, whole, change, make=text_run, kind="text"):
    """The error of resuming from a snapshot that ``change`` has changed; the run is as it was."""
    arrays, metadata = copy.deepcopy(whole[kind])
    change(arrays, metadata)
    save_tensors(tmp_path / "snapshot.safetensors", arrays, metadata)
    trainer = unstarted(make)
    before = everything(trainer)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # StorageError or ShapeError too
        trainer.resume(tmp_path)
    assert same(before, everything(trainer))
    return caught


NUMBERS = {
    "step": [None, -1, 1.5, "5", True, 2**70, [5], 3],
    "epoch": [None, -1, 0.5, "0"],
    "index": [None, -2, {}, 2**63],
    "waited": [None, -1, "1"],
    "seconds": [None, -1.0, "1", 10**400],
    "lr": [None, -0.1, "0.1", [0.1], 10**400],
    "best_loss": [None, "low", True],
    "best_step": [None, -1, 6, 1.0],
    "states": [None, 1, [1], [2, 2], [-2], ["2"], [2.0], [10**9], [[2]]],
    "plateau": [None, [], {}, {"lr": 1}, 3],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NUMBERS.items() for value in values]
)
def test_numbers_that_cannot_be(tmp_path, whole, name, value):
    caught = refused(
        tmp_path, whole, lambda arrays, metadata: metadata["snapshot"].update({name: value})
    )
    assert caught.type is StorageError
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_are_missing(tmp_path, whole, name):
    caught = refused(tmp_path, whole, lambda arrays, metadata: metadata["snapshot"].pop(name))
    assert "missing" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", "x"),
        ("lr", -1),
        ("lr", None),
        ("best", "x"),
        ("bad_epochs", -1),
        ("bad_epochs", 0.5),
        ("cooling", None),
        ("more", 1),
    ],
)
def test_a_plateau_that_cannot_be(tmp_path, whole, name, value):
    caught = refused(
        tmp_path,
        whole,
        lambda arrays, metadata: metadata["snapshot"]["plateau"].update({name: value}),
    )
    assert caught.type is StorageError
    assert f"plateau: {name}" in str(caught.value)


@pytest.mark.parametrize("name", ["snapshot", "identity", "data"])
@pytest.mark.parametrize("value", [None, 3, [], {}])
def test_metadata_of_other_kinds(tmp_path, whole, name, value):
    refused(tmp_path, whole, lambda arrays, metadata: metadata.update({name: value}))


ARRAYS = {
    "history/losses": [None, np.zeros(6), np.zeros(5, np.float32), np.zeros((5, 1)), np.array(1.0)],
    "history/validation_losses": [None, np.zeros(1), np.zeros(2, int)],
    "history/validation_steps": [None, np.array([2, 9]), np.array([-1, 2]), np.zeros(2)],
    "model/1.bias_ih": [
        None,
        np.zeros(15, np.float32),
        np.zeros(16),
        np.full(16, np.nan, np.float32),
    ],
    "model/9.extra": [np.zeros(3, np.float32)],
    "best/1.bias_ih": [
        None,
        np.zeros(15, np.float32),
        np.zeros(16),
        np.full(16, np.inf, np.float32),
    ],
    "best/9.extra": [np.zeros(3, np.float32)],
    "optimizer/step": [None, np.array(-1), np.array(5.0), np.array([5])],
    "optimizer/adam.m/1.bias_ih": [
        None,
        np.zeros(15, np.float32),
        np.zeros(16),
        np.full(16, np.nan, np.float32),
    ],
    "optimizer/adam.v/1.bias_ih": [None, np.zeros(16, int), np.full(16, -1, np.float32)],
    "optimizer/sgd.momentum/1.bias_ih": [np.zeros(16, np.float32)],
    "state/0/0": [
        None,
        np.zeros((4, 5), np.float32),
        np.zeros(4, np.float32),
        np.zeros((4, 4), int),
        np.full((4, 4), np.nan),
        np.zeros((0, 4)),
        np.zeros((3, 4)),
    ],
    "state/0/2": [np.zeros((4, 4), np.float32)],
    "state/x": [np.zeros((4, 4), np.float32)],
    "extra": [np.zeros(1)],
}
CASES = [(name, k) for name, values in ARRAYS.items() for k in range(len(values))]


@pytest.mark.parametrize(("name", "which"), CASES)
def test_arrays_that_cannot_be(tmp_path, whole, name, which):
    value = ARRAYS[name][which]

    def change(arrays, metadata):
        arrays.pop(name, None)
        arrays.update({} if value is None else {name: value})

    caught = refused(tmp_path, whole, change)
    assert str(tmp_path) in str(caught.value) or "load_state_dict" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["optimizer/sgd.momentum/0.weight_ih", "optimizer/step", "model/1.bias"]
)
def test_another_run_is_as_safe(tmp_path, whole, name):
    refused(tmp_path, whole, lambda arrays, metadata: arrays.pop(name), sequence_run, "sequences")


@pytest.mark.parametrize(("kind", "make"), [("text", text_run), ("sequences", sequence_run)])
def test_what_is_right_is_taken(tmp_path, whole, kind, make):
    arrays, metadata = whole[kind]
    save_tensors(tmp_path / "snapshot.safetensors", arrays, metadata)
    trainer, _ = make(folder=tmp_path)
    trainer.resume()
    assert trainer.at.step == 5
    assert all(
        np.array_equal(p, arrays[f"model/{name}"]) for name, p in trainer.model.params.items()
    )


def test_an_index_beyond_the_epoch(tmp_path, whole):
    arrays, metadata = copy.deepcopy(whole["sequences"])
    metadata["snapshot"]["index"] = 10**6
    save_tensors(tmp_path / "snapshot.safetensors", arrays, metadata)
    trainer, data = sequence_run(folder=tmp_path)
    with pytest.raises(
        ValueError, match="stands at batch 1000000 of an epoch, and the data have 3"
    ):
        trainer.resume().fit(data, steps=9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    saved, other = rb.Dense(3, 2, rng=0), rb.Dense(3, 2, rng=1)
    saved.params["weight"][1, 2] = value
    rb.save_weights(saved, tmp_path / "a")
    before = other.params["weight"].copy()
    with pytest.raises(
        ValueError, match=r"weight has -?(nan|inf) at \[1, 2\], weights must be finite"
    ):
        rb.load_weights(other, tmp_path / "a")
    np.testing.assert_array_equal(other.params["weight"], before)


@pytest.mark.parametrize("rule", [rb.optim.Adam, rb.optim.RMSProp, rb.optim.Adagrad])
def test_negative_squares_are_refused(rule):
    optimizer = rule(rb.Dense(2, 2, rng=0))
    state = optimizer.state_dict()
    next(
        a
        for name, a in state.items()
        if name.split("/")[0].split(".")[-1] in ("v", "square", "sum")
    )[...] = -1
    with pytest.raises(ValueError, match="a mean of squares is at least 0"):
        optimizer.load_state_dict(state)

"""Copies and pickles of what trains go on with the same bits, and share among them what was shared."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import rnnbp as rb
from tests.copying import WAYS, by_joblib, ways
from tests.helpers import assert_same_arrays, assert_same_named, reals

X, Y = reals(12, 5, 3, dtype="float32"), reals(12, 5, 2, dtype="float32", seed=1)
LOSS = rb.losses.MeanSquaredError() + rb.losses.L2(1e-3)


def with_dropout() -> rb.Sequential:
    cell = rb.LSTM(3, 4, rng=1, initial="learned", dropout=0.2, zoneout=0.1)
    return rb.Sequential(cell, rb.Dropout(0.3), rb.Dense(4, 2, rng=2))


def tied() -> rb.Sequential:
    a, b = rb.Dense(3, 3, bias=False, rng=1), rb.Dense(3, 3, bias=False, rng=2)
    b.params["weight"] = a.params["weight"]
    return rb.Sequential(a, rb.Tanh(), b, rb.GRU(3, 2, rng=4))


def one_layer_twice() -> rb.Graph:
    x, dense, w = rb.Input(3), rb.Dense(3, 3, rng=1), rb.Parameter((2, 3), name="w", rng=5)
    return rb.Graph(x, rb.GRU(2, 2, rng=3)(w @ dense(rb.Tanh()(dense(x)))))


def over_time() -> rb.Graph:
    x = rb.Input(3)
    y = rb.Bidirectional(rb.GRU(3, 4, rng=1, dropout=0.2), rb.GRU(3, 4, rng=2))(x)
    return rb.Graph(x, rb.Dense(8, 2, rng=3)(y))


def own_cell() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(2, "h")
    h_new = rb.Tanh()(rb.Dense((3, 2), 2, rng=4)(x, h) + h * rb.Parameter((2,), name="a", rng=6))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


CASES: dict[
    str, tuple[Callable[[], Any], Callable[[Any], rb.optim.Optimizer], Callable[[], dict[str, Any]]]
] = {
    "dropout, cosine": (
        with_dropout,
        lambda m: rb.optim.Adam(m, rb.optim.WarmUp(rb.optim.Cosine(0.1, 20), 6)),
        dict,
    ),
    "tied, plateau": (
        tied,
        lambda m: rb.optim.SGD(m, 0.1, momentum=0.9),
        lambda: {"learning_rate": rb.optim.OnPlateau(0.1, patience=0, threshold=0.5)},
    ),
    "shared, groups": (
        one_layer_twice,
        lambda m: rb.optim.AdamW(m, 0.1, groups={"*bias*": {"weight_decay": 0.0}}),
        lambda: {"clip_norm": 0.5, "metrics": ["mse"]},
    ),
    "over time, frozen": (
        over_time,
        lambda m: rb.optim.RMSProp(m, 0.1, frozen="*bias*"),
        lambda: {"accumulate": 2, "keep_best": True},
    ),
    "own cell, budget": (
        own_cell,
        lambda m: rb.optim.Adagrad(m, 0.1),
        lambda: {"checkpoint": "1 MB"},
    ),
}
cases = pytest.mark.parametrize("case", CASES)


def source() -> rb.Sequences:
    return rb.Sequences(X, Y, batch_size=4, seed=3)


def trainer_of(case: str) -> rb.Trainer:
    """Trained for 4 steps, in the middle of an epoch."""
    make, rule, options = CASES[case]
    model = make()
    trainer = rb.Trainer(
        model, rule(model), LOSS, seed=5, validation=source(), progress=False, **options()
    )
    trainer.fit(source(), steps=4)
    return trainer


def state_of(trainer: rb.Trainer) -> list[np.ndarray]:
    """All that a run has computed."""
    history = trainer.history
    figures = [history.losses, history.validation_losses, *history.metrics.values()]
    optimizer = trainer.optimizer.state_dict().values()
    best = trainer.at.best_weights.values()
    return [np.asarray(a) for a in (*trainer.model.params.values(), *optimizer, *best, *figures)]


@pytest.mark.one_in(4)
@ways
@cases
def test_a_trainer_goes_on_with_the_same_bits(case: str, way: str) -> None:
    trainer = trainer_of(case)
    again = WAYS[way](trainer)
    assert_same_arrays(state_of(again), state_of(trainer))
    before = [a.copy() for a in state_of(trainer)]
    again.fit(source(), steps=3)
    assert_same_arrays(state_of(trainer), before)  # they share nothing
    trainer.fit(source(), steps=3)
    assert_same_arrays(state_of(again), state_of(trainer))
    assert repr(again) == repr(trainer)


@ways
@pytest.mark.parametrize("params", ["a model", "a dict"])
def test_what_is_copied_at_once_stays_connected(params: str, way: str) -> None:
    """A model and its optimiser; or arrays in a dict of the user's own."""
    model = with_dropout()
    given: Any = {"a model": model, "a dict": dict(model.params)}[params]
    optimizer = rb.optim.Adam(given, 0.1)
    optimizer.step(grads_of(model))
    found, rule = WAYS[way]((given, optimizer))
    arrays = getattr(found, "params", found)
    assert all(p is arrays[name] for name, p in rule.params.items())
    rule.step(grads_of(model))
    rule.check_parameters()
    optimizer.step(grads_of(model))
    assert_same_named(arrays, model.params)
    assert_same_named(rule.state_dict(), optimizer.state_dict())


def grads_of(model: Any) -> dict[str, np.ndarray]:
    """Of known numbers."""
    return {name: np.cos(p) for name, p in model.params.items()}


@ways
def test_tied_weights_stay_tied(way: str) -> None:
    model = tied()
    again = WAYS[way](model)
    assert list(again.params) == list(model.params)  # of a tied one the first path alone
    again.params["0.weight"][...] = 2
    assert (again.blocks[2].params["weight"] == 2).all()
    assert not (model.params["0.weight"] == 2).any()


def test_an_optimiser_that_lost_an_array_says_so_in_copies_too() -> None:
    """What was replaced before is not put in order by the way."""
    params = dict(with_dropout().params)
    optimizer = rb.optim.SGD(params, 0.1)
    params["2.bias"] = params["2.bias"].copy()
    _, again = by_joblib((params, optimizer))
    with pytest.raises(ValueError, match=r"'2\.bias' is a different array"):
        again.check_parameters()


def test_a_shallow_copy_of_an_optimiser_has_a_state_of_its_own() -> None:
    model, other = with_dropout(), with_dropout()
    one, rule = rb.optim.Adam(model, 0.1), rb.optim.Adam(other, 0.1)
    again = copy.copy(one)
    again.step(grads_of(model))
    rule.step(grads_of(other))
    assert (one.steps, again.steps) == (0, 1)
    assert_same_named(again.state_dict(), rule.state_dict())
    assert_same_named(model.params, other.params)  # the model is the same
    assert all(not a.any() for a in one.state_dict().values())


def test_shallow_copies_share_what_they_hold() -> None:
    trainer = trainer_of("own cell, budget")
    copy.copy(trainer).fit(source(), steps=1)
    assert trainer.history.steps == 5
    model = with_dropout()
    twin, layer = copy.copy(model), copy.copy(model.blocks[2])
    assert all(p is twin.params[name] for name, p in model.params.items())
    assert layer.params["bias"] is model.params["2.bias"]


def test_a_trainer_amid_fit_is_copied_as_it_is_after_the_step() -> None:
    """By a callback."""
    found: list[bytes] = []
    model = with_dropout()
    optimizer = rb.optim.Adam(model, 0.1)
    trainer = rb.Trainer(model, optimizer, LOSS, validation=source(), progress=False)
    trainer.callbacks = [lambda event: found.append(kept(event.trainer))]
    trainer.fit(source(), steps=4)
    again = pickle.loads(found[1])
    assert again.history.steps == 2
    again.fit(source(), until_steps=4)
    assert_same_arrays(state_of(again), state_of(trainer))


def kept(trainer: rb.Trainer) -> bytes:
    """A pickle; a lambda could not go with it."""
    callbacks, trainer.callbacks = trainer.callbacks, []
    found = pickle.dumps(trainer)
    trainer.callbacks = callbacks
    return found


def test_of_copies_with_a_folder_the_first_that_goes_on_has_it(tmp_path: Path) -> None:
    """Copies have neither the lock nor open files."""
    model = with_dropout()
    trainer = rb.Trainer(model, "adam", LOSS, folder=tmp_path / "run", progress=False)
    trainer.fit(source(), steps=2)
    again = by_joblib(trainer)
    again.fit(source(), steps=1)
    with pytest.raises(rb.StorageError, match="another run has written snapshot"):
        trainer.fit(source(), steps=1)
    trainer.resume().fit(source(), until_steps=3)
    assert_same_arrays(state_of(trainer), state_of(again))


@pytest.mark.parametrize("way", [*WAYS, "copy"])
def test_a_generator_of_batches_says_what_to_give(way: str, tmp_path: Path) -> None:
    copied = (WAYS | {"copy": copy.copy})[way]
    cure = r"cannot be copied or pickled, .* give a list, or a function of the epoch"
    with pytest.raises(TypeError, match=rf"Batches: .*generator.* {cure}"):
        copied(rb.Batches((X, Y) for _ in range(3)))
    with (tmp_path / "file").open("w+") as file, pytest.raises(TypeError, match=cure):
        copied(rb.Batches(file))


@pytest.mark.long
def test_a_trainer_in_a_spawned_process_and_in_joblibs_workers() -> None:
    case = "tied, plateau"
    trainer = trainer_of(case)
    twins = [trainer_of(case) for _ in range(2)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(trained, (trainer,))
    parallel = joblib.Parallel(n_jobs=1, backend="loky", max_nbytes=None)
    (other,) = parallel(joblib.delayed(trained)(twin) for twin in twins[:1])
    expected = trained(trainer)
    assert_same_arrays(state_of(found), state_of(expected))
    assert_same_arrays(state_of(other), state_of(expected))


def trained(trainer: rb.Trainer) -> rb.Trainer:
    trainer.fit(source(), steps=3)
    return trainer


def test_a_model_in_a_mapped_file_is_run_and_copied(tmp_path: Path) -> None:
    """As joblib's workers get large arrays: the file is read-only."""
    model = with_dropout()
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    expected, _ = rb.predict(model, X.swapaxes(0, 1))
    assert_same_arrays([rb.predict(mapped, X.swapaxes(0, 1))[0]], [expected])
    with pytest.raises(ValueError, match=r"take copy\.deepcopy\(model\)"):
        rb.optim.Adam(mapped, 0.1).step(grads_of(mapped))
    again = copy.deepcopy(mapped)
    rb.optim.Adam(again, 0.1).step(grads_of(again))
    rb.optim.Adam(model, 0.1).step(grads_of(model))
    assert_same_named(again.params, model.params)


def test_a_trainer_in_a_mapped_file_is_copied_and_goes_on(tmp_path: Path) -> None:
    trainer = trainer_of("over time, frozen")
    joblib.dump(trainer, tmp_path / "trainer.joblib")
    mapped = joblib.load(tmp_path / "trainer.joblib", mmap_mode="r")
    with pytest.raises(ValueError, match=r"copy\.deepcopy\(\(model, optimizer\)\)"):
        mapped.fit(source(), steps=1)
    again = copy.deepcopy(mapped)
    again.fit(source(), steps=3)
    trainer.fit(source(), steps=3)
    assert_same_arrays(state_of(again), state_of(trainer))


def test_equal_models_have_one_hash_for_joblib() -> None:
    assert joblib.hash(tied()) == joblib.hash(copy.deepcopy(tied())) != joblib.hash(with_dropout())

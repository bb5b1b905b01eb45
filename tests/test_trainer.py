"""The training loop: against calls by hand, closed forms, and itself interrupted anywhere."""

from __future__ import annotations

import errno
import math
import os
import shutil
import signal
import threading

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.rng import fold
from rnnbp.storage import StorageError, load_tensors
from rnnbp.train import (
    Batch,
    Examples,
    Sequences,
    Trainer,
    Windows,
    fit,
    load_weights,
    save_weights,
)
from rnnbp.train.validation import validation_loss
from tests.training import RUNS, TEXT, X, example_run, lines, outcome, sequence_run, text_run

LOSS = rb.losses.CrossEntropy()


def params(trainer):
    return {name: p.copy() for name, p in trainer.model.params.items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


# What training finds


@pytest.mark.quick
def test_least_squares():
    """The minimum of a mean of squares is where numpy.linalg.lstsq says."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    model = rb.Sequential(rb.Dense(3, 2, dtype="float64", rng=0))
    history = fit(
        model,
        Examples(x, target, batch_size=40),
        rb.losses.MeanSquaredError(),
        "sgd",
        learning_rate=0.5,
        epochs=400,
    )
    best, residual, *_ = np.linalg.lstsq(np.hstack([x, np.ones((40, 1))]), target, rcond=None)
    np.testing.assert_allclose(model.params["0.weight"], best[:3].T, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.params["0.bias"], best[3], rtol=1e-10, atol=1e-12)
    assert history.losses[-1] == pytest.approx(residual.sum() / 80, rel=1e-12)
    assert history.steps == 400
    assert history.reason == "finished"


@pytest.mark.quick
def test_one_step_of_gradient_descent_by_hand():
    model = rb.Sequential(
        rb.Dense(
            1, 1, bias=False, weight_init=lambda rng, shape: np.full(shape, 3.0), dtype="float64"
        )
    )
    x, t = np.array([[1.0], [2.0]]), np.array([[1.0], [1.0]])
    history = fit(
        model,
        Examples(x, t, batch_size=2),
        rb.losses.MeanSquaredError(),
        "sgd",
        learning_rate=0.1,
        steps=1,
    )
    assert history.losses == [((3 - 1) ** 2 + (6 - 1) ** 2) / 2]
    np.testing.assert_allclose(
        model.params["0.weight"], 3 - 0.1 * (2 * 2 * 1 + 2 * 5 * 2) / 2, rtol=1e-15
    )


def test_a_table_of_logits_reaches_the_conditional_entropy():
    """Of all functions of the symbol alone, the best tells the next one at H(next | symbol) nats."""
    model = rb.Sequential(rb.Embedding(5, 5, dtype="float64", rng=0))
    data = Windows.next_symbol(TEXT, horizon=200, batch_size=1)
    history = fit(model, data, LOSS, "adam", learning_rate=0.1, steps=600)
    counts = np.zeros((5, 5))
    np.add.at(counts, (TEXT[:-1], TEXT[1:]), 1)
    joint, given = counts / counts.sum(), counts / counts.sum(axis=1, keepdims=True)
    entropy = -(joint[joint > 0] * np.log(given[joint > 0])).sum()
    assert history.losses[-1] == pytest.approx(entropy, rel=1e-9)


def test_memory_that_only_a_carried_state_gives():
    """x_t-3 is told at t, with windows of 2 steps: each window knows of it only through the state."""
    bits = np.random.default_rng(0).integers(0, 2, 803)
    model = rb.Sequential(rb.OneHot(2), rb.GRU(2, 12, rng=0), rb.Dense(12, 2, rng=1))
    options = {"epochs": 12, "learning_rate": 0.01}
    short = fit(
        model, Windows(bits[3:], bits[:-3], horizon=8, batch_size=4), LOSS, "adam", **options
    )
    assert short.losses[-1] < 0.15 < math.log(2)


# Against calls by hand


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_windows_are_calls_of_bptt_with_the_state_handed_on(checkpoint):
    trainer, data = text_run(
        validation=None,
        validate_every=None,
        patience=None,
        learning_rate=None,
        checkpoint=checkpoint,
    )
    model, other = text_run()[0].model, text_run()[0].model
    adam, losses, norms, state = rb.optim.Adam(model), [], [], None
    for step in range(12):  # an epoch is 4 windows
        batch = data.batch(0, step % 4)
        state = None if step % 4 == 0 else state
        result = rb.bptt(
            model, batch.x, batch.target, LOSS, state=state, chunk=3, seed=fold(7, step)
        )
        norms.append(rb.optim.clip_norm(result.grads, 0.15))
        adam.step(result.grads)
        losses.append(result.loss)
        state = result.state
    assert not same(params(trainer), model.params)
    events = []
    trainer.callbacks = (
        lambda event: events.append(event.metrics) if event.kind == "step" else None,
    )
    history = trainer.fit(data, epochs=3)
    assert same(params(trainer), model.params)
    assert history.losses == losses
    assert [line["grad_norm"] for line in events] == norms
    assert any(norm > 0.15 for norm in norms), "clipping took place"
    assert not same(model.params, other.params)


def test_state_is_not_carried_into_a_fresh_batch():
    """Two epochs of one window each: both start from zeros."""
    model = rb.Sequential(rb.Embedding(5, 3, rng=0), rb.LSTM(3, 4, rng=1), rb.Dense(4, 5, rng=2))
    optimizer = rb.optim.SGD(model, learning_rate=1e-30)
    history = Trainer(model, optimizer, LOSS).fit(
        Windows.next_symbol(TEXT, horizon=200, batch_size=2), epochs=2
    )
    assert history.losses[0] == history.losses[1]


class Scripted:
    """A source whose batches are given."""

    def __init__(self, *batches):
        self.batches = batches
        self.batches_per_epoch = len(batches)

    def batch(self, epoch, index):
        return self.batches[index]


def linear(value=0.0):
    """y = w x, one weight."""
    return rb.Sequential(
        rb.Dense(
            1, 1, bias=False, weight_init=lambda rng, shape: np.full(shape, value), dtype="float64"
        )
    )


def pulls(*gradients):
    """A source whose batch k has gradient ``gradients[k]`` at any w, with the loss ``slope``."""
    return Scripted(*(Batch(np.full((1, 1, 1), g), None, None, True) for g in gradients))


def slope(y, target):
    return y.sum(), np.ones_like(y)


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        ({}, 8.0),
        ({"clip_norm": 2.0}, 2.0),
        ({"clip_value": 3.0}, 3.0),
        ({"clip_value": 3.0, "clip_norm": 2.5}, 2.5),
    ],
)
def test_clipping(options, moved):
    model, metrics = linear(), []
    callback = [lambda event: metrics.append(event.metrics)]
    Trainer(
        model, rb.optim.SGD(model, learning_rate=1.0), slope, callbacks=callback, **options
    ).fit(pulls(8.0), steps=1)
    assert model.params["0.weight"].item() == -moved
    assert metrics[0]["grad_norm"] == 8.0, "the norm is told as it was"


def test_the_norm_is_of_all_parameters_together():
    model = rb.Sequential(rb.Dense(1, 1, dtype="float64", rng=0))
    before = params(Trainer(model, rb.optim.SGD(model), slope))
    x = np.full((1, 1, 1), math.sqrt(15))  # gradients: √15 for the weight, 1 for the bias
    Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, clip_norm=1.0).fit(
        Scripted(Batch(x, None, None, True)), steps=1
    )
    assert model.params["0.bias"] == pytest.approx(before["0.bias"] - 1 / 4, rel=1e-14)
    assert model.params["0.weight"] == pytest.approx(
        before["0.weight"] - math.sqrt(15) / 4, rel=1e-14
    )


def test_the_learning_rate_of_each_step():
    model, metrics, schedule = linear(), [], rb.optim.StepDecay(1.0, every=2, factor=0.5)
    callback = [lambda event: metrics.append(event.metrics) if event.kind == "step" else None]
    options = {"learning_rate": schedule, "callbacks": callback}
    Trainer(model, rb.optim.SGD(model, learning_rate=9.0), slope, **options).fit(
        pulls(1.0), epochs=5
    )
    assert [line["lr"] for line in metrics] == [1, 1, 0.5, 0.5, 0.25]
    assert model.params["0.weight"].item() == -3.25


def test_parameters_that_the_optimiser_does_not_have_stay():
    trainer, data = sequence_run()
    model, before = trainer.model, params(trainer)
    some = {name: p for name, p in model.params.items() if name.startswith("1.")}
    Trainer(model, rb.optim.SGD(some, learning_rate=0.1), rb.losses.MeanSquaredError()).fit(
        data, epochs=1
    )
    changed = {name for name, p in model.params.items() if not np.array_equal(p, before[name])}
    assert changed == {"1.weight", "1.bias"}


# Validation


@pytest.mark.parametrize(
    "loss", [LOSS, rb.losses.CrossEntropy([0.5, 1, 2, 4, 0.1])], ids=["plain", "class weights"]
)
def test_the_validation_loss_of_windows_is_that_of_the_whole_lanes(loss):
    model = text_run()[0].model.astype("float64")
    data = Windows.next_symbol(TEXT, horizon=9, batch_size=4)  # of 9, 9, 9 and 5 steps
    whole = Windows.next_symbol(TEXT, horizon=1000, batch_size=4).batch(0, 0)
    expected = rb.evaluate(model, whole.x, whole.target, loss)[0]
    assert validation_loss(model, data, loss) == pytest.approx(expected, rel=1e-13)
    restarted = [
        rb.evaluate(model, b.x, b.target, loss)[0] for b in (data.batch(0, k) for k in range(4))
    ]
    assert np.mean(restarted) != pytest.approx(expected, rel=1e-4), (
        "the state and the weights matter"
    )


def test_the_validation_loss_weighs_batches_by_their_masks():
    model = sequence_run()[0].model
    weights = np.random.default_rng(0).random((11, 6))
    options = {"mask": weights, "shuffle": False}
    parts = Sequences(X, X[..., :1], batch_size=3, **options)
    whole = Sequences(X, X[..., :1], batch_size=11, **options).batch(0, 0)
    for loss in (rb.losses.MeanSquaredError(), rb.losses.Huber(0.1)):
        expected = rb.evaluate(model, whole.x, whole.target, loss, mask=whole.mask)[0]
        assert validation_loss(model, parts, loss) == pytest.approx(expected, rel=1e-13)


def test_the_validation_loss_of_a_function_weighs_batches_by_size():
    model = linear(2.0)
    data = Examples(np.arange(5.0)[:, None], None, batch_size=3, shuffle=False)
    mean = lambda y, target: (y.mean(), np.ones_like(y) / y.size)  # noqa: E731
    assert validation_loss(model, data, mean) == pytest.approx(2.0 * np.arange(5).mean(), rel=1e-15)


def test_validation_leaves_no_trace_in_training():
    """Dropout is off in it, and the carried state and the parameters are as without."""
    plain = {"learning_rate": None, "patience": None}
    one, data = text_run(**plain, validate_every=1)
    other, _ = text_run(**plain, validation=None, validate_every=None)
    a, b = one.fit(data, epochs=2), other.fit(data, epochs=2)
    assert a.losses == b.losses
    assert same(params(one), params(other))
    assert a.validation_steps == list(range(1, a.steps + 1))
    assert a.validation_losses[-1] == validation_loss(one.model, one.validation, LOSS, chunk=3)


def scripted_validation(monkeypatch, values):
    values = iter(values)
    monkeypatch.setattr(
        "rnnbp.train.steps.validation_loss", lambda *_args, **_options: next(values)
    )


VALIDATION = pulls(1.0)


def test_early_stopping_and_the_best_parameters(monkeypatch, tmp_path):
    scripted_validation(monkeypatch, [5.0, 3.0, 4.0, 3.0, 3.5, 1.0])
    model = linear()
    options = {
        "validation": VALIDATION,
        "validate_every": 2,
        "patience": 3,
        "folder": tmp_path / "run",
    }
    trainer = Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, **options)
    history = trainer.fit(pulls(1.0), epochs=100)
    assert history.reason == "early stopping"
    assert history.steps == 10, (
        "5.0, 3.0 is the best, and three without a lower one: an equal one is none"
    )
    assert history.validation_losses == [5.0, 3.0, 4.0, 3.0, 3.5]
    assert history.validation_steps == [2, 4, 6, 8, 10]
    assert (history.best_loss, history.best_step) == (3.0, 4)
    assert model.params["0.weight"].item() == -4.0
    other = linear()
    assert load_weights(other, tmp_path / "run" / "model.safetensors") == {
        "description": None,
        "step": 4,
        "validation": 3.0,
    }
    assert other.params["0.weight"].item() == -4.0
    assert trainer.resume().fit(pulls(1.0), epochs=200).reason == "early stopping"
    assert (
        load_tensors(tmp_path / "run" / "snapshot.safetensors")[0]["model/0.weight"].item() == -10.0
    )


def test_the_best_parameters_go_to_the_file_and_not_to_the_model_without_patience(
    monkeypatch, tmp_path
):
    scripted_validation(monkeypatch, [2.0, 1.0, 3.0])
    model = linear()
    options = {"validation": VALIDATION, "folder": tmp_path}
    Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, **options).fit(
        pulls(1.0), epochs=3
    )
    assert model.params["0.weight"].item() == -3.0
    load_weights(model, tmp_path / "model.safetensors")
    assert model.params["0.weight"].item() == -2.0


def test_on_plateau_is_told_the_validation_losses(monkeypatch):
    scripted_validation(monkeypatch, [5.0, 6.0, 1.0, 7.0, 7.0])
    model, metrics, plateau = linear(), [], rb.optim.OnPlateau(1.0, factor=0.5, patience=0)
    options = {
        "learning_rate": plateau,
        "validation": VALIDATION,
        "callbacks": [lambda e: metrics.append(e.metrics)],
    }
    Trainer(model, rb.optim.SGD(model), slope, **options).fit(pulls(1.0), epochs=5)
    assert [line["lr"] for line in metrics[::3]] == [1, 1, 0.5, 0.5, 0.25]


# Going on from a snapshot


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """By name, the outcome of each run, never interrupted."""
    found = {}
    for name, run in RUNS.items():
        folder = tmp_path_factory.mktemp("whole") / "run"
        trainer, data = run(folder=folder)
        history = trainer.fit(data, steps=STEPS)
        assert history.steps == STEPS, "the run is as long as the tests think"
        found[name] = outcome(folder) | {"params": params(trainer), "losses": history.losses}
    return found


STEPS = 11


@pytest.mark.quick
@pytest.mark.one_in(4)
@pytest.mark.parametrize("stop", range(1, STEPS))
@pytest.mark.parametrize("name", RUNS)
def test_a_run_stopped_after_any_step_ends_with_the_same_bits(tmp_path, whole, name, stop):
    trainer, data = RUNS[name](folder=tmp_path)
    trainer.fit(data, steps=stop)
    trainer, data = RUNS[name](folder=tmp_path)
    for p in trainer.model.params.values():
        p += 1  # all of it must come from the snapshot
    trainer.resume()
    history = trainer.fit(data, steps=STEPS)
    found = outcome(tmp_path) | {"params": params(trainer), "losses": history.losses}
    assert found.keys() == whole[name].keys()
    for part in found:
        if part == "params":
            assert same(found[part], whole[name][part])
        else:
            assert found[part] == whole[name][part], part


@pytest.mark.one_in(6)
@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("lost_at", [1, 4, 5, 10])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_lost_after_its_snapshot_ends_with_the_same_bits(
    tmp_path, whole, name, lost_at, every
):
    """What was on disk at some moment, with a line cut short: as a killed process leaves it."""

    def lose(event):
        if event.kind == "step" and event.metrics["step"] == lost_at:
            shutil.copytree(tmp_path / "run", tmp_path / "lost")

    trainer, data = RUNS[name](folder=tmp_path / "run", snapshot_every=every, callbacks=[lose])
    trainer.fit(data, steps=STEPS)
    assert outcome(tmp_path / "run") == {
        part: whole[name][part] for part in outcome(tmp_path / "run")
    }
    lost = tmp_path / "lost"
    with (lost / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "epoch": 3, "lo')
    (lost / ".snapshot.safetensors.0a1b2c3d.tmp").write_bytes(b"half of a snapshot")
    trainer, data = RUNS[name](folder=lost, snapshot_every=every)
    trainer.resume().fit(data, steps=STEPS)
    assert outcome(lost) == outcome(tmp_path / "run")


def test_a_finished_run_goes_on_as_a_longer_one(tmp_path, whole):
    for steps in (4, 4, 9, STEPS):
        trainer, data = text_run(folder=tmp_path)
        if (tmp_path / "snapshot.safetensors").exists():
            trainer.resume()
        trainer.fit(data, steps=steps)
    assert outcome(tmp_path) == {part: whole["text"][part] for part in outcome(tmp_path)}


def test_fit_called_again_goes_on(whole):
    trainer, data = sequence_run()
    first = trainer.fit(data, steps=5)
    assert first.steps == 5
    assert trainer.fit(data, until_steps=STEPS).losses == whole["sequences"]["losses"]
    assert len(first.losses) == 5, "what was handed out does not change"
    assert same(params(trainer), whole["sequences"]["params"])


def test_a_run_goes_on_in_another_folder_and_leaves_the_first_alone(tmp_path, whole):
    one, other = tmp_path / "one", tmp_path / "other"
    trainer, data = text_run(folder=one)
    trainer.fit(data, steps=5)
    before = {path.name: path.read_bytes() for path in one.iterdir()}
    trainer, data = text_run(folder=other)
    trainer.resume(one).fit(data, steps=STEPS)
    assert {path.name: path.read_bytes() for path in one.iterdir()} == before
    assert same(params(trainer), whole["text"]["params"])
    assert [line["step"] for line in lines(other)] == list(range(6, STEPS + 1))
    trainer, data = text_run(folder=other)
    with pytest.raises(StorageError, match="already holds"):
        trainer.resume(one / "snapshot.safetensors").fit(data, steps=STEPS)


def test_a_rate_that_was_changed_by_hand_returns(tmp_path):
    def halve(event):
        if event.kind == "epoch":
            event.trainer.optimizer.learning_rate /= 2

    runs = []
    for stops in ([9], [4, 9], [5, 9]):
        folder = tmp_path / str(stops)
        for stop in stops:
            trainer, data = example_run(folder=folder, callbacks=[halve])
            if stop != stops[0]:
                trainer.resume()
            trainer.fit(data, steps=stop)
        runs.append(outcome(folder))
    assert runs[0] == runs[1] == runs[2]


OTHERWISE = {
    "seed": (lambda f: text_run(folder=f, seed=8), "seed was 7, is 8"),
    "clipping": (lambda f: text_run(folder=f, clip_norm=0.25), r"clip_norm was 0\.15, is 0\.25"),
    "chunk": (lambda f: text_run(folder=f, chunk=8), "chunk was 3, is 8"),
    "patience": (lambda f: text_run(folder=f, patience=2), "patience was 50, is 2"),
    "validation": (
        lambda f: text_run(folder=f, validation=Windows(TEXT, TEXT, horizon=9, batch_size=2)),
        "validation was",
    ),
    "every": (lambda f: text_run(folder=f, validate_every=None), "validate_every was 2, is None"),
    "schedule": (
        lambda f: text_run(folder=f, learning_rate=None),
        'learning_rate was "OnPlateau .* is None',
    ),
    "plateau": (
        lambda f: text_run(
            folder=f, learning_rate=rb.optim.OnPlateau(0.03, factor=0.25, patience=0)
        ),
        r"'factor': 0\.5.*'factor': 0\.25",
    ),
    "model": (lambda f: sequence_run(folder=f), r"0\.weight_hh is missing"),
    "rule": (lambda f: rebuilt(f, rb.optim.AdamW), "optimizer was 'adam', is 'adamw'"),
    "option": (lambda f: rebuilt(f, rb.optim.Adam, eps=1e-6), "adam eps was 1e-08, is 1e-06"),
    "rate": (
        lambda f: rebuilt(f, rb.optim.Adam, learning_rate=0.5),
        r"adam lr was 0\.001, is 0\.5",
    ),
    "some": (lambda f: rebuilt(f, rb.optim.Adam, only="3."), "optimized parameters was"),
    "loss": (
        lambda f: rebuilt(f, rb.optim.Adam, loss=rb.losses.CrossEntropy(label_smoothing=0.1)),
        "loss was",
    ),
    "dropout": (
        lambda f: rebuilt(f, rb.optim.Adam, p=0.4),
        r"model was .*Dropout\(0\.3\).*Dropout\(0\.4\)",
    ),
}


def rebuilt(folder, rule, *, only="", loss=LOSS, p=0.3, **options):
    trainer, data = text_run()
    model = rb.Sequential(
        *(rb.Dropout(p) if isinstance(b, rb.Dropout) else b for b in trainer.model.blocks)
    )
    chosen = {name: a for name, a in model.params.items() if name.startswith(only)}
    names = ("validation", "validate_every", "patience")
    same_as = {name: getattr(trainer, name) for name in names}
    update = {
        name: getattr(trainer, name) for name in ("chunk", "clip_norm", "learning_rate", "seed")
    }
    return Trainer(model, rule(chosen, **options), loss, folder=folder, **same_as, **update), data


def test_rebuilt_without_a_change_resumes(tmp_path):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=2)
    rebuilt(tmp_path, rb.optim.Adam)[0].resume()


@pytest.mark.parametrize("case", OTHERWISE)
def test_a_run_that_was_set_up_otherwise_is_refused(tmp_path, case):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=2)
    build, message = OTHERWISE[case]
    trainer, _ = build(tmp_path)
    before, slots = params(trainer), trainer.optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        trainer.resume()
    assert same(params(trainer), before)
    assert same(trainer.optimizer.state_dict(), slots)
    assert trainer.at.step == 0


def test_other_data_are_refused(tmp_path):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=2)
    changed = TEXT.copy()
    changed[60] = (changed[60] + 1) % 5
    trainer, _ = text_run(folder=tmp_path)
    with pytest.raises(ValueError, match="the run began on other data"):
        trainer.resume().fit(Windows.next_symbol(changed, horizon=8, batch_size=4), steps=4)
    assert trainer.fit(data, steps=4).steps == 4


@pytest.mark.quick
@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_damaged_snapshot_is_refused_and_changes_nothing(tmp_path, at):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=2)
    broken = bytearray((tmp_path / "snapshot.safetensors").read_bytes())
    broken[at] ^= 1
    (tmp_path / "snapshot.safetensors").write_bytes(broken)
    trainer, _ = text_run(folder=tmp_path)
    before = params(trainer)
    with pytest.raises(StorageError):
        trainer.resume()
    assert same(params(trainer), before)


def test_what_is_no_snapshot(tmp_path):
    trainer, _ = text_run(folder=tmp_path)
    with pytest.raises(StorageError, match=r"snapshot\.safetensors does not exist"):
        trainer.resume()
    save_weights(trainer.model, tmp_path / "weights")
    with pytest.raises(StorageError, match="holds weights alone"):
        trainer.resume(tmp_path / "weights")
    with pytest.raises(ValueError, match="this Trainer has no folder"):
        text_run()[0].resume()
    trainer, data = text_run(folder=tmp_path / "run")
    trainer.fit(data, steps=1)
    with pytest.raises(StorageError, match="is a snapshot of a training run"):
        load_weights(trainer.model, tmp_path / "run" / "snapshot.safetensors")


# Files


def test_a_folder_with_a_run_is_not_written_over(tmp_path):
    trainer, data = text_run(folder=tmp_path / "a" / "b")
    trainer.fit(data, steps=2)
    before = outcome(tmp_path / "a" / "b")
    trainer, data = text_run(folder=tmp_path / "a" / "b")
    with pytest.raises(
        StorageError,
        match=r"already holds snapshot\.safetensors, metrics\.jsonl, model\.safetensors",
    ):
        trainer.fit(data, steps=3)
    assert outcome(tmp_path / "a" / "b") == before


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    trainer, data = text_run(folder=tmp_path / "a")
    with pytest.raises(StorageError, match="cannot be made: File exists"):
        trainer.fit(data, steps=1)


def test_metrics_and_description(tmp_path):
    trainer, data = text_run(folder=tmp_path, description={"cell": "LSTM", "n": [4]})
    history = trainer.fit(data, epochs=2)
    found = lines(tmp_path)
    assert [line["step"] for line in found] == list(range(1, history.steps + 1))
    assert [line["epoch"] for line in found] == [0] * 4 + [1] * 4
    assert [line["loss"] for line in found] == history.losses
    assert [
        line["validation"] for line in found if "validation" in line
    ] == history.validation_losses
    assert (
        [line["step"] for line in found if "validation" in line]
        == history.validation_steps
        == [2, 4, 6, 8]
    )
    assert history.seconds > 0
    for name in ("snapshot", "model"):
        assert load_tensors(tmp_path / f"{name}.safetensors")[1]["description"] == {
            "cell": "LSTM",
            "n": [4],
        }


def test_lines_are_on_disk_before_a_snapshot_counts_on_them(tmp_path, monkeypatch):
    trainer, data = text_run(folder=tmp_path, snapshot_every=1)
    trainer.fit(data, steps=1)
    trainer.resume()
    calls, fsync, replace = [], os.fsync, os.replace

    def noted_fsync(number):
        calls.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        fsync(number)

    def noted_replace(temporary, target):
        calls.append(f"replace {target.name}")
        replace(temporary, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    trainer.fit(data, steps=3)
    replaced = [k for k, call in enumerate(calls) if call == "replace snapshot.safetensors"]
    assert len(replaced) == 2
    assert all(
        "metrics.jsonl" in calls[before:at]
        for before, at in zip([0, *replaced], replaced, strict=False)
    )


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer, data = text_run()
    trainer.fit(data, steps=3)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_the_last_snapshot(tmp_path, monkeypatch, whole):
    trainer, data = text_run(folder=tmp_path, snapshot_every=1)
    trainer.fit(data, steps=4)
    trainer.resume()
    before = (tmp_path / "snapshot.safetensors").read_bytes()
    really = os.write

    def full(number, data):
        if len(data) > 2000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(number, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(
            StorageError, match=r"snapshot\.safetensors is not written.*no space is left"
        ):
            trainer.fit(data, steps=STEPS)
    assert (tmp_path / "snapshot.safetensors").read_bytes() == before
    trainer, data = text_run(folder=tmp_path)
    trainer.resume().fit(data, steps=STEPS)
    assert outcome(tmp_path) == {part: whole["text"][part] for part in outcome(tmp_path)}


def test_a_full_disk_while_a_line_is_written(tmp_path, monkeypatch, whole):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=4)
    trainer.resume()
    really, calls = os.write, []

    def full(number, data):
        calls.append(data)
        if len(calls) == 1:
            return really(number, data[:9])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageError, match=r"metrics\.jsonl is not written"):
            trainer.fit(data, steps=STEPS)
    assert (tmp_path / "metrics.jsonl").read_bytes().endswith(b'\n{"step": ')
    trainer, data = text_run(folder=tmp_path)
    trainer.resume().fit(data, steps=STEPS)
    assert outcome(tmp_path) == {part: whole["text"][part] for part in outcome(tmp_path)}


# Ctrl-C, limits, callbacks, numbers that are not finite


@pytest.fixture
def handler():
    """A handler of SIGINT that must be there again."""

    def mine(number, frame):
        raise AssertionError("the handler of the caller was called")

    before = signal.signal(signal.SIGINT, mine)
    yield mine
    after = signal.signal(signal.SIGINT, before)
    assert after is mine


def interrupt_at(step, times=1):
    def callback(event):
        if event.kind == "step" and event.metrics["step"] == step:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    return callback


def test_ctrl_c_finishes_the_step_and_the_run_goes_on(tmp_path, handler, whole):
    trainer, data = text_run(folder=tmp_path, callbacks=[interrupt_at(5)], on_interrupt="return")
    history = trainer.fit(data, steps=STEPS)
    assert (history.reason, history.steps) == ("interrupted", 5)
    assert load_tensors(tmp_path / "snapshot.safetensors")[1]["snapshot"]["step"] == 5
    trainer, data = text_run(folder=tmp_path)
    assert trainer.resume().fit(data, steps=STEPS).reason == "finished"
    assert outcome(tmp_path) == {part: whole["text"][part] for part in outcome(tmp_path)}


def test_ctrl_c_in_the_middle_of_a_step_and_fit_again(handler, whole):
    trainer, data = sequence_run()

    class Interrupting:
        batches_per_epoch, fingerprint, asked = data.batches_per_epoch, data.fingerprint, False

        def batch(self, epoch, index):
            if (epoch, index) == (1, 1) and not self.asked:
                self.asked = True
                signal.raise_signal(signal.SIGINT)
            return data.batch(epoch, index)

    source = Interrupting()
    assert trainer.fit(source, steps=STEPS, on_interrupt="return").reason == "interrupted"
    assert trainer.at.step == 5, "epochs have 3 batches; the step with (1, 1) was finished"
    assert trainer.fit(source, until_steps=STEPS).losses == whole["sequences"]["losses"]


def test_the_second_ctrl_c_raises_at_once(tmp_path, handler, whole):
    trainer, data = text_run(folder=tmp_path, callbacks=[interrupt_at(5, times=2)])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(data, steps=STEPS)
    trainer, data = text_run(folder=tmp_path)
    trainer.resume().fit(data, steps=STEPS)
    assert outcome(tmp_path) == {part: whole["text"][part] for part in outcome(tmp_path)}


def test_ctrl_c_does_not_restore_the_best(monkeypatch):
    scripted_validation(monkeypatch, [1.0, 2.0, 3.0, 4.0])
    model = linear()
    options = {"validation": VALIDATION, "patience": 9, "callbacks": [interrupt_at(3)]}
    trainer = Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, **options)
    assert trainer.fit(pulls(1.0), epochs=5, on_interrupt="return").reason == "interrupted"
    assert model.params["0.weight"].item() == -3.0


def test_no_handler_outside_the_main_thread(handler):
    trainer, data = text_run(callbacks=[lambda event: seen.append(signal.getsignal(signal.SIGINT))])
    seen, found = [], []
    thread = threading.Thread(target=lambda: found.append(trainer.fit(data, steps=2).reason))
    thread.start()
    thread.join()
    assert found == ["finished"]
    assert set(seen) == {handler}


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        trainer, data = text_run(callbacks=[interrupt_at(2)])
        assert trainer.fit(data, steps=4).reason == "finished"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handler_returns_after_an_error(handler):
    trainer, _ = text_run()
    with pytest.raises(IndexError):
        trainer.fit(Scripted(Batch(np.full((2, 1), 9), np.zeros((2, 1), int), None, True)), steps=2)


def test_time(tmp_path):
    trainer, data = text_run(folder=tmp_path)
    history = trainer.fit(data, max_seconds=0.5)
    assert history.reason == "time"
    assert history.seconds >= 0.5
    assert (
        load_tensors(tmp_path / "snapshot.safetensors")[1]["snapshot"]["step"] == history.steps > 0
    )
    assert text_run()[0].fit(data, steps=2, max_seconds=1e3).reason == "finished"


def test_the_first_limit_counts():
    for limits, steps in (
        ({"epochs": 2, "steps": 3}, 3),
        ({"epochs": 1, "steps": 30}, 4),
        ({"epochs": 2}, 8),
    ):
        trainer, data = text_run()
        assert trainer.fit(data, **limits).steps == steps


def test_callbacks_are_called_after_each_step_validation_and_epoch(tmp_path):
    seen = []

    def note(event):
        on_disk = len(lines(tmp_path))
        seen.append((event.kind, event.metrics["step"], event.trainer.at.step == on_disk))

    trainer, data = text_run(folder=tmp_path, callbacks=[note], validate_every=3)
    trainer.fit(data, steps=4)
    assert seen == [
        (k, s, True)
        for k, s in [
            ("step", 1),
            ("step", 2),
            ("step", 3),
            ("validation", 3),
            ("step", 4),
            ("epoch", 4),
        ]
    ]


@pytest.mark.parametrize("kind", ["step", "validation", "epoch"])
def test_what_a_callback_raises_comes_through_after_a_snapshot(tmp_path, whole, kind):
    def fail(event):
        if event.kind == kind and event.metrics["step"] >= 3:
            raise RuntimeError("mine")

    trainer, data = text_run(folder=tmp_path, callbacks=[fail], snapshot_every=100)
    with pytest.raises(RuntimeError, match="mine"):
        trainer.fit(data, steps=STEPS)
    trainer, data = text_run(folder=tmp_path)
    assert trainer.resume().at.step == {"step": 3, "validation": 4, "epoch": 4}[kind]
    trainer.fit(data, steps=STEPS)
    assert outcome(tmp_path) == {part: whole["text"][part] for part in outcome(tmp_path)}


def nan_at(step, where):
    """A loss that is NaN, or has a gradient of NaN, at some step."""
    calls = []

    def loss(y, target):
        calls.append(y)
        bad = len(calls) == step
        return (math.nan if bad and where == "loss" else y.sum()), np.full_like(
            y, 1e308 if bad and where == "grad" else 1
        )

    return loss


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("loss", "step 3: the loss is nan, and all gradients are finite: look at how"),
        ("grad", r"step 3: the gradient of 0\.weight is inf at \[0, 0\]; lower"),
    ],
)
def test_a_loss_or_gradient_that_is_not_finite_keeps_the_last_snapshot(tmp_path, where, message):
    model = linear(1.0)
    options = {"folder": tmp_path, "snapshot_every": 1}
    trainer = Trainer(model, rb.optim.SGD(model, learning_rate=1.0), nan_at(3, where), **options)
    with pytest.raises(FloatingPointError, match=message) as caught:
        trainer.fit(pulls(16.0), steps=5)
    assert caught.value.__notes__[:2] == [
        "in step 3, batch 0 of epoch 2",
        "the last snapshot is of step 2",
    ]
    assert model.params["0.weight"].item() == -31.0, "nothing was updated"
    arrays, metadata = load_tensors(tmp_path / "snapshot.safetensors")
    assert metadata["snapshot"]["step"] == 2
    assert arrays["model/0.weight"].item() == -31.0
    assert len(lines(tmp_path)) == 2


def test_a_parameter_that_overflows_keeps_the_last_snapshot(tmp_path):
    model = linear(1.0)
    options = {
        "learning_rate": lambda step: 1e300 if step else 1.0,
        "folder": tmp_path,
        "snapshot_every": 1,
    }
    trainer = Trainer(model, rb.optim.SGD(model), slope, **options)
    message = r"step 2: after the update, the parameter 0\.weight is -inf at \[0, 0\]"
    with pytest.raises(FloatingPointError, match=message):
        trainer.fit(pulls(1e10), steps=5)
    assert load_tensors(tmp_path / "snapshot.safetensors")[0]["model/0.weight"].item() == 1.0 - 1e10


def test_a_state_that_overflows_under_a_mask():
    """Of the overflow nothing reaches the loss, but the next window would start from it."""
    model = rb.Sequential(
        rb.RNN(
            1,
            1,
            activation="relu",
            dtype="float64",
            rng=0,
            input_init=lambda r, s: np.full(s, 1e200),
        )
    )
    x, mask = np.array([1.0, 1e200])[:, None, None], np.array([[1.0], [0.0]])
    data = Scripted(Batch(x, np.zeros((2, 1, 1)), mask, False))
    with pytest.raises(FloatingPointError, match="step 1: the state 0 is inf"):
        Trainer(
            model, rb.optim.SGD(model, learning_rate=1e-300), rb.losses.MeanAbsoluteError()
        ).fit(data, steps=1)


def test_a_validation_loss_that_is_not_finite(monkeypatch, tmp_path):
    scripted_validation(monkeypatch, [1.0, math.inf])
    model = linear()
    options = {"validation": VALIDATION, "folder": tmp_path}
    with pytest.raises(FloatingPointError, match="step 2: the validation loss is inf"):
        Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, **options).fit(
            pulls(1.0), epochs=5
        )
    assert load_tensors(tmp_path / "snapshot.safetensors")[1]["snapshot"]["step"] == 1


def test_no_progress_bar_without_a_terminal(capfd):
    trainer, data = text_run()
    trainer.fit(data, steps=3)
    assert capfd.readouterr() == ("", "")


def test_a_progress_bar_that_is_asked_for(capfd):
    trainer, data = text_run(progress=True)
    trainer.fit(data, epochs=2)
    out, err = capfd.readouterr()
    assert out == ""
    assert "8/8" in err
    assert "loss=" in err


def test_a_progress_bar_that_is_unwanted(capfd, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    trainer, data = text_run(progress=False)
    trainer.fit(data, steps=3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.quick
@pytest.mark.parametrize("name", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
def test_fit_builds_the_optimiser(name):
    rule = {
        "sgd": "SGD",
        "adagrad": "Adagrad",
        "rmsprop": "RMSProp",
        "adam": "Adam",
        "adamw": "AdamW",
    }[name]
    one, two = linear(1.0), linear(1.0)
    fit(one, pulls(1.0, 2.0), slope, name, learning_rate=0.25, steps=3)
    Trainer(two, getattr(rb.optim, rule)(two, learning_rate=0.25), slope).fit(
        pulls(1.0, 2.0), steps=3
    )
    assert same(one.params, two.params)


def test_fit_passes_options_on(tmp_path):
    model = linear(1.0)
    history = fit(
        model,
        pulls(1.0),
        slope,
        rb.optim.SGD(model, learning_rate=1.0),
        steps=2,
        folder=tmp_path,
        clip_norm=0.25,
    )
    assert history.steps == 2
    assert model.params["0.weight"].item() == 0.5
    assert len(lines(tmp_path)) == 2


MODEL = linear(1.0)
BAD = {
    "no end": (
        lambda: text_run()[0].fit(None),
        ValueError,
        "there is no end; give epochs, steps or max_seconds",
    ),
    "epochs": (
        lambda: text_run()[0].fit(None, epochs=0),
        ValueError,
        "Trainer.fit: epochs must be at least 1",
    ),
    "steps": (
        lambda: text_run()[0].fit(None, steps=1.5),
        TypeError,
        "Trainer.fit: steps must be an integer",
    ),
    "seconds": (
        lambda: text_run()[0].fit(None, max_seconds=0),
        ValueError,
        r"max_seconds must lie in \(0, inf\), found 0; None",
    ),
    "optimizer": (
        lambda: Trainer(MODEL, rb.optim.Adam, slope),
        TypeError,
        "optimizer must be of rnnbp.optim, found <",
    ),
    "other model": (
        lambda: Trainer(MODEL, rb.optim.SGD(linear()), slope),
        ValueError,
        r"'0\.weight' is not of this model",
    ),
    "clip": (
        lambda: Trainer(MODEL, rb.optim.SGD(MODEL), slope, clip_norm=0),
        ValueError,
        r"clip_norm must lie in \(0, inf\), found 0; None",
    ),
    "clip nan": (
        lambda: Trainer(MODEL, rb.optim.SGD(MODEL), slope, clip_value=math.nan),
        ValueError,
        "clip_value must lie in .*, found nan",
    ),
    "clip text": (
        lambda: text_run(clip_norm="1"),
        TypeError,
        r"Trainer: clip_norm must be a number .*, found '1'",
    ),
    "rate text": (
        lambda: text_run(learning_rate="fast"),
        TypeError,
        "learning_rate must be a number .*found 'fast'; or a schedule",
    ),
    "rate class": (
        lambda: text_run(learning_rate=rb.optim.Cosine),
        TypeError,
        "learning_rate must be a number .*found <class .*or a schedule, made: Cosine",
    ),
    "seconds text": (
        lambda: text_run()[0].fit(None, max_seconds="9"),
        TypeError,
        "max_seconds must be a number",
    ),
    "patience": (lambda: text_run(patience=0), ValueError, "Trainer: patience must be at least 1"),
    "snapshots": (
        lambda: text_run(snapshot_every=0),
        ValueError,
        "Trainer: snapshot_every must be at least 1",
    ),
    "no validation": (
        lambda: text_run(validation=None),
        ValueError,
        "validate_every, patience, learning_rate=OnPlateau needs validation losses",
    ),
    "seed": (lambda: text_run(seed=1.5), TypeError, "seed must be an integer"),
    "description": (
        lambda: text_run(description={1, 2}),
        TypeError,
        "Trainer: description must be JSON",
    ),
    "name": (
        lambda: fit(MODEL, None, slope, "sdg"),
        ValueError,
        "optimizer is one of 'sgd', .* found 'sdg'",
    ),
    "rate": (
        lambda: fit(MODEL, None, slope, rb.optim.SGD(MODEL), lr=1),
        ValueError,
        "lr goes with the name",
    ),
    "model": (
        lambda: Trainer(3, rb.optim.SGD(MODEL), slope),
        TypeError,
        "a model is a network of layers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_arguments_that_do_not_fit(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_an_error_in_a_step_names_it():
    trainer, data = text_run()
    bad = Scripted(data.batch(0, 0), Batch(np.full((2, 1), 9), np.zeros((2, 1), int), None, True))
    with pytest.raises(IndexError, match="must lie in") as caught:
        trainer.fit(bad, steps=9)
    assert caught.value.__notes__[:1] == ["in step 2, batch 1 of epoch 0"]


@pytest.mark.parametrize("data", [np.ones((4, 3, 1)), (np.ones(3), np.ones(3)), "text"])
def test_arrays_are_no_source(data):
    model = linear()
    with pytest.raises(
        TypeError, match=r"must be a source of batches, found \w+; wrap arrays in Sequences"
    ):
        rb.fit(model, data, slope, "sgd", learning_rate=1.0, steps=1)
    with pytest.raises(TypeError, match="Trainer: validation must be a source of batches"):
        rb.fit(model, pulls(1.0), slope, "sgd", learning_rate=1.0, steps=1, validation=data)


@pytest.mark.parametrize("rule", ["adam", "sgd"])
def test_parameters_of_other_shapes_between_two_fits(rule: str) -> None:
    """The optimiser's arrays are no longer the model's: an error, and nothing has changed."""
    model = rb.Sequential(rb.Embedding(40, 6, rng=0), rb.LSTM(6, 5, rng=1), rb.Dense(5, 8, rng=2))
    given = np.random.default_rng(0).integers(0, 5, (16, 6))
    data = rb.Sequences(given, np.roll(given, 1, 1), batch_size=8)
    optimizer = {"adam": rb.optim.Adam, "sgd": rb.optim.SGD}[rule](model, 0.01)
    trainer = rb.Trainer(model, optimizer, rb.losses.CrossEntropy())
    trainer.fit(data, epochs=1)
    layer = model.blocks[0]
    dict.__setitem__(
        layer.params, "weight", layer.params["weight"][:10].copy()
    )  # which a layer's own would refuse
    vars(layer)["n_symbols"] = 10
    before = {name: p.copy() for name, p in optimizer.params.items()}
    with pytest.raises(rb.ShapeError, match=r"shape \(40, 6\), found \(10, 6\)"):
        trainer.fit(data, epochs=1)
    assert optimizer.steps == 2
    for name, p in before.items():
        np.testing.assert_array_equal(optimizer.params[name], p)

"""Batches that are not finite, a validation that raises, and copies of Trainers."""

from __future__ import annotations

import copy
import json
import math
import pickle

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch, Trainer
from tests.training import lines, outcome, sequence_run, text_run

# A batch that is not finite


class Sometimes:
    """Batches of ones, of which number ``bad`` of an epoch leads to infinity."""

    batches_per_epoch = 5

    def __init__(self, bad=3, factor=1e30):
        self.bad, self.factor = bad, factor

    def batch(self, epoch, index):
        x = np.full((3, 2, 3), 1 + index, np.float32)
        return Batch(x, x[..., :1] * (self.factor if index == self.bad else 0), None, fresh=False)


def skipping(folder=None, **options):
    model = rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 1, rng=1))
    options = {"on_nonfinite": "skip"} | options
    return Trainer(
        model, rb.optim.Adam(model), rb.losses.MeanSquaredError(), folder=folder, **options
    )


def at_steps(record):
    """A callback that records each step's event, and no other."""

    def note(event):
        if event.kind == "step":
            record(event)

    return note


def test_a_bad_batch_is_skipped_and_counted(tmp_path):
    trainer, states, seen = skipping(tmp_path), [], []

    def note(event):
        states.append(event.trainer.at.state)
        seen.append({name: p.copy() for name, p in event.trainer.model.params.items()})

    trainer.callbacks = (at_steps(note),)
    history = trainer.fit(Sometimes(), epochs=2)
    assert (history.steps, history.skipped, trainer.optimizer.steps) == (10, 2, 8)
    assert [k for k, loss in enumerate(history.losses) if math.isnan(loss)] == [3, 8]
    assert [line.get("skipped") for line in lines(tmp_path)] == [None] * 3 + [1] + [None] * 4 + [
        2,
        None,
    ]
    assert lines(tmp_path)[3]["nonfinite"].startswith("step 4: the loss is inf")
    assert states[3] == ()
    assert states[4] != ()
    assert all(np.array_equal(seen[3][name], seen[2][name]) for name in seen[2])


@pytest.mark.long
@pytest.mark.parametrize("stop", range(1, 10))
def test_a_run_that_skips_goes_on_with_the_same_bits(tmp_path, stop):
    skipping(tmp_path / "whole").fit(Sometimes(), epochs=2)
    skipping(tmp_path / "run").fit(Sometimes(), steps=stop)
    assert skipping(tmp_path / "run").resume().fit(Sometimes(), epochs=2).skipped == 2
    assert repr(outcome(tmp_path / "run")) == repr(outcome(tmp_path / "whole"))


@pytest.mark.parametrize(
    "factor", [math.nan, math.inf, 1e300], ids=["nan", "infinity", "beyond float32"]
)
@pytest.mark.parametrize("where", ["x", "target"])
def test_data_that_are_not_finite_are_skipped(where, factor):
    source = Sometimes()

    def batch(epoch, index):
        x, target = np.ones((3, 2, 3)), np.zeros((3, 2, 1))
        (x if where == "x" else target)[1] = factor if index == 2 else 0
        return Batch(x, target, None, fresh=True)

    source.batch = batch
    history = skipping().fit(source, epochs=1)
    assert (history.steps, history.skipped) == (5, 1)


def test_a_parameter_that_overflows_is_an_error_all_the_same():
    with pytest.raises(FloatingPointError, match="after the update, the parameter"):
        skipping(learning_rate=lambda step: 1e300).fit(Sometimes(bad=None), epochs=1)


def test_skipping_is_asked_for(tmp_path):
    with pytest.raises(FloatingPointError, match="step 4: the loss is inf"):
        skipping(tmp_path, on_nonfinite="raise").fit(Sometimes(), epochs=1)
    with pytest.raises(ValueError, match="on_nonfinite was 'raise', is 'skip'"):
        skipping(tmp_path).resume()
    assert (
        skipping(tmp_path).resume(override=("on_nonfinite",)).fit(Sometimes(), epochs=1).skipped
        == 1
    )


@pytest.mark.parametrize("value", ["ignore", None, True])
def test_what_is_no_way_to_go_on(value):
    with pytest.raises(ValueError, match="on_nonfinite is 'raise' or 'skip', found"):
        skipping(on_nonfinite=value)


# A validation that raises


class Once:
    """A validation source that fails the first time."""

    batches_per_epoch, fingerprint, calls = 1, "v", 0

    def batch(self, epoch, index):
        self.calls += 1
        if self.calls == 1:
            raise OSError("away for a moment")
        x = np.ones((5, 2, 3), np.float32)
        return Batch(x, x[..., :1] * 0, None, fresh=True)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_validation_that_raises_loses_no_line(tmp_path, resumed):
    options = {"validate_every": 1, "on_nonfinite": "raise"}
    whole = skipping(tmp_path / "whole", validation=source(), **options).fit(Sometimes(), steps=3)
    trainer = skipping(tmp_path / "run", validation=Once(), **options)
    with pytest.raises(OSError, match="away for a moment"):
        trainer.fit(Sometimes(), steps=3)
    history = (trainer.resume() if resumed else trainer).fit(Sometimes(), until_steps=3)
    assert lines(tmp_path / "run") == lines(tmp_path / "whole")
    assert history.validation_losses == whole.validation_losses
    assert trainer.optimizer.steps == 3


def source():
    found = Once()
    found.calls = 1
    return found


# Copies


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["copy", "pickle"]
)
def test_a_copy_of_a_trainer_is_a_run_of_its_own(tmp_path, copied):
    """A copy ends with the same bits; the folder goes to the one that writes first."""
    trainer, data = sequence_run(folder=tmp_path)
    trainer.fit(data, steps=3)
    other = copied(trainer)
    assert (
        trainer.fit(data, until_steps=6).losses
        == other.at.history.losses + trainer.at.history.losses[3:]
    )
    with pytest.raises(rb.StorageError, match="another run has written"):
        other.fit(data, until_steps=6)
    other._training.folder = type(other.folder)(None, other.parts, None)
    other.fit(data, until_steps=6)
    assert all(
        np.array_equal(p, trainer.model.params[name]) for name, p in other.model.params.items()
    )
    assert json.dumps(other.at.history.losses) == json.dumps(trainer.at.history.losses)


def test_a_copy_made_while_training_holds_neither_lock_nor_file(tmp_path):
    found = []

    def keep(event):
        trainer.callbacks = ()
        found.append(copy.deepcopy(event.trainer))

    trainer, data = text_run(folder=tmp_path)
    trainer.callbacks = (keep,)
    trainer.fit(data, steps=1)
    assert vars(found[0].folder)["_lock"] is vars(found[0].folder)["_log"] is None
    assert found[0].resume().fit(data, steps=2).steps == 2


def cut_off(error, method):
    """A Trainer whose third step raised in a method of its update or optimiser."""

    def stop(*_, **__):
        raise error

    trainer, data = sequence_run()
    trainer.fit(data, steps=2)
    owner = trainer.update if hasattr(trainer.update, method) else trainer.optimizer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            type(trainer.optimizer),
            "_updated_at_once",
            lambda self, grads, lr, clip: ([*self.params], True),
        )
        patch.setattr(type(owner), method, stop)
        with pytest.raises(error):
            trainer.fit(data, until_steps=3)
    return trainer, data


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_step_that_is_cut_off_before_its_update_is_repeated(error):
    whole, data = sequence_run()
    assert (
        cut_off(error, "_learned")[0].fit(data, until_steps=4).losses
        == whole.fit(data, steps=4).losses
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_step_that_is_cut_off_in_the_middle_of_its_update_is_not_repeated(error):
    """Some parameters are new and some are not: only a snapshot is whole."""
    trainer, data = cut_off(error, "_update")
    with pytest.raises(
        ValueError,
        match=r"Trainer\.fit: step 3 was cut off in the middle of its update; resume\(\)",
    ):
        trainer.fit(data, until_steps=4)

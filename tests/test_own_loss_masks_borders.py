"""Losses of one's own with masks, with targets of other axes, and with NaN in the target."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import rnnbp as rb

T, B = 6, 3


def data(rng=0):
    rng = np.random.default_rng(rng)
    x, target = rng.normal(size=(T, B, 2)).astype("f4"), rng.normal(size=(T, B, 1)).astype("f4")
    mask = np.ones((T, B), bool)
    mask[:2] = False
    return x, target, mask


def model():
    return rb.Sequential(rb.RNN(2, 4, rng=0), rb.Dense(4, 1, rng=1))


def forgetful(y, target, mask):
    d = y - target
    return float((d**2).sum()), 2 * d


def careful(y, target, mask):
    d = (y - target) * mask[..., None]
    return float((d**2).sum()), 2 * d


class Forgetful(rb.losses.Loss):
    def summed(self, y, target, weights=None):
        return forgetful(y, target, weights)

    def weight(self, target, weights=None, *, outputs):
        return 1.0


class Careful(Forgetful):
    def summed(self, y, target, weights=None):
        return careful(y, target, np.ones(y.shape[:2]) if weights is None else weights)


@pytest.mark.parametrize("loss", [rb.losses.WholeSequence(forgetful), forgetful, Forgetful()])
def test_a_loss_that_takes_a_mask_and_ignores_it_is_refused(loss):
    x, target, mask = data()
    with pytest.raises(
        ValueError, match=r"dy is not 0 at steps of weight 0: .* at \[0, 0, 0\]; multiply by mask"
    ):
        rb.bptt(model(), x, target, loss, mask=mask)
    trainer = rb.Trainer(net := model(), rb.optim.Adam(net), loss)
    with pytest.raises(ValueError, match="dy is not 0 at steps of weight 0"):
        trainer.fit([(x, target, mask)], epochs=1)
    y = np.random.default_rng(1).normal(size=(T, B, 1))
    with pytest.raises(ValueError, match="dy is not 0 at steps of weight 0"):
        rb.check_grads(loss, y, target, mask=mask)
    with pytest.raises(ValueError, match="dy is not 0 at steps of weight 0"):
        rb.check_grads(model(), x, target, loss, mask=mask)


@pytest.mark.parametrize("loss", [rb.losses.WholeSequence(careful), careful, Careful()])
def test_one_that_uses_it_has_the_value_and_the_gradients_of_the_steps_that_count(loss):
    x, target, mask = data()
    found = rb.bptt(net := model(), x, target, loss, mask=mask, chunk=T)
    y, _ = rb.predict(net, x)
    assert found.loss == pytest.approx(((y - target)[mask] ** 2).sum(), rel=1e-5)
    rb.check_grads(net, x, target, loss, mask=mask, samples=3, method="central")


def test_the_place_is_counted_from_the_first_step_of_the_sequence():
    x, target, mask = data()
    mask[:] = True
    mask[4, 1] = False
    with pytest.raises(ValueError, match=r"at \[1, 1, 0\]") as caught:
        rb.bptt(model(), x, target, forgetful, mask=mask, chunk=3)
    assert "steps are counted from step 3 of the sequence" in caught.value.__notes__


def test_so_with_lengths_of_sequences():
    x, target, _ = data()
    source = rb.Sequences(
        x, target, batch_size=3, lengths=[6, 3, 2], batch_first=False, shuffle=False
    )
    with pytest.raises(ValueError, match=r"dy is not 0 at steps of weight 0.* at \[2, 2, 0\]"):
        rb.fit(model(), source, rb.losses.WholeSequence(forgetful), epochs=1)


def subtracting(y, target, scale=1.0):
    d = y - target
    return scale * (d**2).sum(), 2 * scale * d


class Method:
    def loss(self, y, target):
        return subtracting(y, target)

    def __call__(self, y, target):
        return subtracting(y, target)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (subtracting, "subtracting"),
        (Method().loss, "Method.loss"),
        (Method(), "Method"),
        (partial(subtracting, scale=2.0), "subtracting"),
    ],
)
def test_what_a_function_raises_says_how_it_was_called_and_what_the_target_lacks(function, name):
    x, target, _ = data()
    with pytest.raises(ValueError, match="broadcast") as caught:
        rb.bptt(model(), x, target[..., 0], function)
    note = caught.value.__notes__[0]
    assert note.startswith(
        f"in the loss function {name}, called as (y, target), which returns (value, dy)"
    )
    assert "y float32 (6, 3, 1), target float32 (6, 3)" in note
    assert note.endswith("give target[..., None]")
    assert " at 0x" not in note


def test_the_note_says_that_there_was_a_mask():
    x, target, mask = data()
    with pytest.raises(ValueError, match="broadcast") as caught:
        rb.bptt(model(), x, target[..., 0], careful, mask=mask)
    assert "called as (y, target, mask)" in caught.value.__notes__[0]
    assert "mask bool (6, 3)" in caught.value.__notes__[0]


@pytest.mark.parametrize("wrap", [lambda f: f, rb.losses.WholeSequence, rb.losses.PerStep])
@pytest.mark.parametrize("call", [rb.bptt, rb.evaluate])
def test_a_target_that_broadcasts_without_an_error_is_refused(wrap, call):
    x, target = np.zeros((T, 1, 2), "f4"), np.zeros((T, 1), "f4")

    with pytest.raises(rb.ShapeError, match=r"give target\[\.\.\., None\]"):
        call(model(), x, target, wrap(subtracting))


def test_one_axis_too_many():
    x, _, _ = data()
    net = rb.Sequential(rb.RNN(2, 4), rb.Dense(4, 3))
    wide = np.zeros((T, B, 3, 1), "f4")
    with pytest.raises(ValueError, match="broadcast") as caught:
        rb.bptt(net, x, wide, subtracting)
    assert caught.value.__notes__[0].endswith("give target[..., 0]")


@pytest.mark.parametrize("wrap", [lambda f: f, rb.losses.WholeSequence])
def test_nan_in_the_target_is_named_before_the_function_is_blamed(wrap):
    x, target, _ = data()
    target[4, 1] = np.nan
    cure = (
        r"the target is nan at \[4, 1, 0\]; "
        r"give that step weight 0, mask=np.isfinite\(target\).all\(axis=-1\) in Sequences, Windows or "
        "bptt; .*; or leave it out in your loss"
    )
    with pytest.raises(ValueError, match=cure):
        rb.bptt(model(), x, target, wrap(subtracting), chunk=3)


def test_nan_in_the_target_of_a_loss_of_steps():
    x, target, mask = data()
    target[[0, 5], 1] = np.nan

    def squares(y, target):
        return (y - target) ** 2, 2 * (y - target)

    with pytest.raises(ValueError, match=r"the target is nan at \[5, 1, 0\]"):
        rb.bptt(model(), x, target, rb.losses.PerStep(squares), mask=mask)


def test_a_mask_of_elements_names_the_loss_of_known_elements():
    x, target, _ = data()
    known = np.ones((T, B, 12), bool)
    cure = r"put NaN in the target in .* others, and give the loss as rnnbp\.losses\.Known\(loss\)$"
    with pytest.raises(rb.ShapeError, match=cure):
        rb.bptt(model(), x, target, rb.losses.MeanSquaredError(), mask=known)
    with pytest.raises(rb.ShapeError, match=r"give mask\[\.\.\., 0\]"):
        rb.bptt(model(), x, target, rb.losses.PerStep(lambda y, t: (y, y)), mask=known[..., :1])


def test_a_mask_without_sequences_of_last_is_not_said_to_come_from_there():
    x, target, mask = data()
    stream, wanted = x[:, 0], target[:, 0]
    windows = rb.Windows(stream, wanted, horizon=3, batch_size=1, mask=mask[:, 0])
    loss = rb.losses.WholeSequence(subtracting)
    with pytest.raises(TypeError, match=r"there is a mask, of mask=, lengths=, warm_up= or Seq"):
        rb.fit(model(), windows, loss, epochs=1)


def ratio(y, target):
    d, energy = y - target, (target**2).sum()
    return (d**2).sum() / energy, 2 * d / energy


class ErrorToSignal(rb.losses.Loss):
    def summed(self, y, target, weights=None):
        d = (y - target) * (1 if weights is None else weights[..., None])
        return float((d * (y - target)).sum()), 2 * d

    def weight(self, target, weights=None, *, outputs):
        return float((target**2 * (1 if weights is None else weights[..., None])).sum())


def test_over_batches_a_whole_sequence_loss_is_a_mean_and_sums_are_those_of_one_batch():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(5, T, 2)).astype("f4"), rng.normal(size=(5, T, 1)).astype("f4")
    target[:2] *= 0.1
    net, source = model(), rb.Sequences(x, target, batch_size=2, shuffle=False)
    y = rb.predict(net, source)
    parts = [ratio(y[a:b], target[a:b])[0] * (b - a) / 5 for a, b in ((0, 2), (2, 4), (4, 5))]
    whole = ratio(y, target)[0]
    trainer = rb.Trainer(net, rb.optim.Adam(net), rb.losses.WholeSequence(ratio))
    assert trainer.evaluate(source)["loss"] == pytest.approx(sum(parts), rel=1e-5)
    assert abs(sum(parts) / whole - 1) > 0.1
    assert rb.evaluate(net, source, ErrorToSignal())["loss"] == pytest.approx(whole, rel=1e-5)
    one = rb.Sequences(x, target, batch_size=5)
    assert rb.evaluate(net, one, rb.losses.WholeSequence(ratio))["loss"] == pytest.approx(
        whole, rel=1e-5
    )


@pytest.mark.parametrize("public", [rb.losses.WholeSequence, rb.evaluate, rb.Trainer.evaluate])
def test_help_says_that_it_is_a_mean(public):
    assert "the mean of the batches' values" in " ".join(str(public.__doc__).split())


def test_a_loss_that_counts_the_elements_that_are_known():
    x, target, mask = data()
    target = np.repeat(target, 4, axis=2) + np.arange(4, dtype="f4")
    target[3, 1, 2:] = np.nan
    target[5, :, 0] = np.nan
    net = rb.Sequential(rb.RNN(2, 4, rng=0), rb.Dense(4, 4, rng=1))

    class KnownErrors(rb.losses.Loss):
        def summed(self, y, target, weights=None):
            w = ~np.isnan(target) * (1.0 if weights is None else weights[..., None])
            d = y - np.nan_to_num(target)
            return float((w * d**2).sum()), (2 * w * d).astype(y.dtype)

        def weight(self, target, weights=None, *, outputs):
            return float(
                (~np.isnan(target) * (1.0 if weights is None else weights[..., None])).sum()
            )

    y, _ = rb.predict(net, x)
    for kind in (np.ones_like(mask), mask):
        counted = ~np.isnan(target) & kind[..., None]
        expected = ((y - target)[counted] ** 2).mean()
        assert rb.bptt(net, x, target, KnownErrors(), mask=kind, chunk=4).loss == pytest.approx(
            expected, rel=1e-5
        )


class Squares(rb.losses.Loss):
    def summed(self, y, target, weights=None):
        return subtracting(y, target)

    def weight(self, target, weights=None, *, outputs):
        return 1.0


@pytest.mark.parametrize("call", [rb.bptt, rb.evaluate])
def test_a_subclass_of_loss_is_told_the_same_of_its_target(call):
    x, target, _ = data()
    with pytest.raises(ValueError, match="broadcast") as caught:
        call(model(), x, target[..., 0], Squares())
    assert caught.value.__notes__[0].startswith(
        "in the loss function Squares.summed, called as (y, target, weights)"
    )
    assert caught.value.__notes__[0].endswith("give target[..., None]")
    x, target = np.zeros((T, 1, 2), "f4"), np.zeros((T, 1), "f4")
    with pytest.raises(
        rb.ShapeError, match=r"Squares\(\) returned dy .* give target\[\.\.\., None\]"
    ):
        call(model(), x, target, Squares())


def test_a_metric_whose_values_were_broadcast_is_refused():
    x, target = np.zeros((T, T, 2), "f4"), np.zeros((T, T), "f4")

    def own(y, target):
        return subtracting(y, target[..., None])

    with pytest.raises(
        rb.ShapeError, match=r"metric error returned .* give target\[\.\.\., None\]"
    ):
        rb.evaluate(model(), [(x, target)], own, metrics={"error": lambda y, target: y - target})
    found = rb.evaluate(
        model(), [(x, target)], own, metrics={"error": lambda y, target: y[..., 0] - target}
    )
    assert found["error"] == pytest.approx(rb.predict(model(), x)[0].mean(), rel=1e-5)

"""A forecaster of quantiles, as its user writes it."""

import copy
import pickle

import numpy as np
import pytest

import rnnbp as rb

QS = (0.1, 0.5, 0.9)
rng = np.random.default_rng(0)


def noise():
    """x, and a target that is its sign plus noise from U(0, 1): quantiles that are known."""
    x = rng.choice([-1.0, 1.0], (400, 6, 1)).astype("float32")
    return x, x + rng.random(x.shape, "float32")


def test_the_outputs_become_the_quantiles():
    x, target = noise()
    model = rb.Sequential(rb.RNN(1, 8, rng=0), rb.Dense(8, 3, rng=1))
    data = rb.Sequences(x, target, batch_size=50)
    loss = rb.losses.Quantile(QS)
    rb.fit(model, data, loss, "adam", learning_rate=1e-2, epochs=40)
    y = rb.predict(model, data)
    below = (target < y).mean(axis=(0, 1))
    np.testing.assert_allclose(below, QS, atol=0.06)


def test_several_quantiles_are_the_mean_of_each():
    y, target = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2, 3))
    mask = rng.random((5, 2)) < 0.5
    value, dy = rb.losses.Quantile(QS)(y, target, mask)
    each = [rb.losses.Quantile(q)(y[..., k], target[..., k], mask) for k, q in enumerate(QS)]
    assert value == pytest.approx(np.mean([v for v, _ in each]))
    np.testing.assert_allclose(dy, np.stack([d for _, d in each], axis=-1) / 3)


def test_a_median_is_half_of_the_mean_absolute_error():
    y, target = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2, 3))
    y[0] = target[0]
    value, dy = rb.losses.Quantile(0.5)(y, target)
    wanted, dwanted = rb.losses.MeanAbsoluteError()(y, target)
    assert value == pytest.approx(wanted / 2)
    np.testing.assert_array_equal(dy, dwanted / 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_a_model_are_those_of_a_function_of_ones_own(dtype):
    model = rb.Sequential(rb.LSTM(2, 4, rng=0, dtype=dtype), rb.Dense(4, 1, rng=1, dtype=dtype))
    x, target = (rng.normal(size=(9, 3, n)).astype(dtype) for n in (2, 1))

    def pinball(y, t):
        d = t - y
        return np.maximum(0.9 * d, -0.1 * d), np.where(d > 0, -0.9, 0.1).astype(y.dtype)

    mask = rng.random((9, 3)) < 0.7
    found = rb.bptt(model, x, target, rb.losses.Quantile(0.9), mask=mask, chunk=4)
    wanted = rb.bptt(model, x, target, rb.losses.PerStep(pinball), mask=mask)
    assert found.loss == pytest.approx(wanted.loss, rel=1e-5)
    for name, grad in wanted.grads.items():
        assert found.grads[name].dtype == dtype
        np.testing.assert_allclose(found.grads[name], grad, rtol=1e-3, atol=1e-6)
    assert rb.check_grads(rb.losses.Quantile(0.9), x, x[::-1]).worst < 1e-9


def test_outputs_that_are_not_as_many_are_refused():
    message = r"Quantile\(\(0.1, 0.5, 0.9\)\) has 3 quantiles, one for each output, .* has size 1"
    with pytest.raises(rb.ShapeError, match=message):
        rb.losses.Quantile(QS)(np.zeros((5, 2, 1)), np.zeros((5, 2, 1)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mask", [None, rng.random((5, 2)) < 0.5])
def test_one_target_is_that_of_all_quantiles(dtype, mask):
    y, target = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2, 1)).astype(dtype)
    value, dy = rb.losses.Quantile(QS)(y, target, mask)
    wanted, dwanted = rb.losses.Quantile(QS)(y, np.repeat(target, 3, axis=-1), mask)
    assert value == wanted
    np.testing.assert_array_equal(dy, dwanted)
    with pytest.raises(rb.ShapeError, match="target axis 2 must have size 3"):
        rb.losses.Quantile(0.9)(y, target, mask)


def test_a_target_without_an_axis_of_features_needs_one_alone():
    message = r"target has shape \(5, 2\), .* give it shape \(5, 2, 1\) if all quantiles are of one"
    with pytest.raises(rb.ShapeError, match=message):
        rb.losses.Quantile(QS)(np.zeros((5, 2, 3)), np.zeros((5, 2)))


def test_several_take_no_more_memory_than_one():
    y, target = (rng.normal(size=(400, 64, 3)).astype("float32") for _ in range(2))

    def peak(loss):
        with rb.memory.measure() as used:
            loss(y, target)
        return used.peak_bytes

    one, several = (peak(rb.losses.Quantile(q)) for q in (0.9, QS))
    assert several == pytest.approx(one, abs=20_000)


def test_a_text_in_its_place_is_answered():
    x, target = noise()
    with pytest.raises(TypeError, match=r"build it first, as losses.Quantile\(0.9\)"):
        rb.bptt(rb.RNN(1, 1), x, target, "pinball")


@pytest.mark.parametrize("name", ["QuantileLoss", "PinballLoss", "mean_pinball_loss"])
def test_names_elsewhere_lead_to_it(name):
    with pytest.raises(AttributeError, match="it is called Quantile here"):
        getattr(rb.losses, name)


@pytest.mark.parametrize("name", ["tau", "alpha", "quantiles"])
def test_its_option_elsewhere_is_translated(name):
    with pytest.raises(TypeError, match="it is called 'q' here; it takes q"):
        rb.losses.Quantile(**{name: 0.9})


@pytest.mark.parametrize("q", [0.9, QS])
def test_copies_and_pickles_are_the_same_loss(q):
    loss = rb.losses.Quantile(q)
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert (repr(other), other.q) == (repr(loss), q)


def test_a_run_goes_on_from_its_snapshot(tmp_path):
    x, target = noise()
    data = rb.Sequences(x, target, batch_size=100)

    def fit(folder, **options):
        net = rb.Sequential(rb.RNN(1, 4, rng=0), rb.Dense(4, 1, rng=1))
        loss = rb.losses.Quantile((0.9,))
        history = rb.fit(net, data, loss, "adam", folder=tmp_path / folder, seed=1, **options)
        return history, net

    fit("parts", epochs=1)
    history, net = fit("parts", epochs=2, resume=True)
    whole, other = fit("whole", epochs=2)
    assert history.losses == whole.losses
    assert all((net.params[k] == other.params[k]).all() for k in net.params)

"""NaN in targets and in x: errors and warnings have the line of code that leaves it out."""

import re

import numpy as np
import pytest

import rnnbp as rb

N, T = 12, 9
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, 3)).astype("float32")
Y = rng.normal(size=(N, T, 2)).astype("float32")
GAPS = Y.copy()
GAPS[[3, 5], [4, 0]] = np.nan
MASK = "mask=np.isfinite(target).all(axis=-1) in Sequences, Windows or bptt"
MSE = rb.losses.MeanSquaredError()


def squares(y, target):
    d = y - target
    return d**2, 2 * d


def squares_of_known(y, target):
    d = np.nan_to_num(y - target)
    return d**2, 2 * d


def model():
    return rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 2, rng=1))


def source(target, **more):
    return rb.Sequences(X, target, batch_size=4, **more)


@pytest.mark.parametrize("loss", [MSE, rb.losses.PerStep(squares)])
def test_the_error_of_a_target_that_is_nan_has_the_mask_that_leaves_it_out(loss):
    with pytest.raises(ValueError, match=re.escape(MASK)):
        rb.fit(model(), source(GAPS), loss, epochs=1)
    target = GAPS
    data = source(GAPS, mask=np.isfinite(target).all(axis=-1))
    known = np.isfinite(GAPS).all(axis=-1)
    wanted = np.mean((rb.predict(model(), source(Y)) - Y)[known] ** 2)
    np.testing.assert_allclose(rb.evaluate(model(), data, loss)["loss"], wanted, rtol=1e-5)


def test_of_one_target_for_each_sequence_those_are_left_out():
    data = source(GAPS[:, 0], last=True)
    text = "where each sequence or example has one target, leave out those without"
    with pytest.raises(ValueError, match=text):
        rb.fit(model(), data, MSE, epochs=1)
    known = np.isfinite(GAPS[:, 0]).all(axis=-1)
    data = rb.Sequences(X[known], GAPS[known, 0], last=True, batch_size=4)
    assert np.isfinite(rb.fit(model(), data, MSE, epochs=1).losses).all()


def test_of_values_of_steps_the_error_says_that_zeros_count():
    with pytest.raises(ValueError, match="a value of 0 in its place would count in the mean"):
        rb.fit(model(), source(GAPS), rb.losses.PerStep(squares), epochs=1)


def test_where_a_step_is_known_in_part_the_error_names_the_loss_that_counts_elements():
    target = Y.copy()
    target[3, 4, 1] = np.nan
    with pytest.raises(ValueError, match=r"rnnbp.losses.Known\(loss\) leaves out single elements"):
        rb.fit(model(), source(target), MSE, epochs=1)


@pytest.mark.parametrize("axes", [(), (3, 2)])
def test_the_mask_fits_targets_of_any_number_of_axes(axes):
    target = np.zeros((T, 2, *axes), "float32")
    target[4] = np.nan
    net = rb.Dense(3, max(1, int(np.prod(axes))), rng=0)

    def f(y, t):
        d = y - t.reshape(y.shape)
        return d**2, 2 * d

    loss = rb.losses.PerStep(f)
    with pytest.raises(ValueError, match=r"the target is nan at \[4, 0") as caught:
        rb.bptt(net, X[:2].swapaxes(0, 1), target, loss)
    code = re.search(r"mask=(.*) in Sequences", str(caught.value))[1]
    mask = eval(code, {"np": np, "target": target})
    assert mask.shape == (T, 2)
    assert np.isfinite(rb.bptt(net, X[:2].swapaxes(0, 1), target, loss, mask=mask).loss)


@pytest.mark.parametrize("metric", ["mae", "mse"])
def test_a_metric_that_is_nan_says_why(metric):
    loss = rb.losses.PerStep(squares_of_known)
    with pytest.warns(UserWarning, match=f"metric {metric}: the target is not finite.*isfinite"):
        found = rb.evaluate(model(), source(GAPS), loss, metrics=[metric])
    assert np.isnan(found[metric])
    data = source(GAPS, mask=np.isfinite(GAPS).all(axis=-1))
    assert np.isfinite(rb.evaluate(model(), data, loss, metrics=[metric])[metric])


def test_an_accuracy_that_counts_nan_as_wrong_says_so():
    target = (Y[..., :1] > 0).astype("float32")
    target[3, 4] = np.nan
    net = rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 1, rng=1))
    with pytest.warns(UserWarning, match="metric accuracy: the target is not finite"):
        rb.evaluate(net, source(target), rb.losses.PerStep(squares_of_known), metrics=["accuracy"])


def whole(y, target):
    d = y - target
    return (d**2).mean(), 2 * d / d.size


def summed(y, target):
    d = y - target
    return (d**2).sum(), 2 * d


class Squares(rb.losses.Loss):
    def summed(self, y, target, weights=None):
        return summed(y, target)

    def weight(self, target, weights=None, *, outputs):
        return 1.0


OWN = [rb.losses.PerStep(squares), rb.losses.WholeSequence(whole), summed, Squares()]


@pytest.mark.parametrize("loss", OWN)
def test_evaluate_says_why_a_loss_of_ones_own_is_nan(loss):
    with pytest.warns(
        UserWarning, match="batch [01]: the loss is nan: the target .*isfinite"
    ) as all_of:
        assert np.isnan(rb.evaluate(model(), source(GAPS, shuffle=False), loss)["loss"])
    assert {each.filename for each in all_of} == {__file__}
    x, target = X.swapaxes(0, 1), GAPS.swapaxes(0, 1)
    with pytest.warns(UserWarning, match=r"evaluate: the loss is nan: the target is nan at \[0, 5"):
        assert np.isnan(rb.evaluate(model(), x, target, loss)[0])


def test_a_loss_that_is_nan_otherwise_is_no_targets():
    x = np.full((5, 2, 3), 1e30, "float32")
    dense = rb.Dense(3, 2, weight_init=1e30)
    assert not np.isfinite(rb.evaluate(dense, x, np.zeros((5, 2, 2), "float32"), MSE)[0])


def test_gaps_in_x_are_filled_by_the_line_in_the_error():
    x = X.copy()
    x[2, 3, 1] = np.nan
    line = "known = np.isfinite(x); x = np.concatenate([np.where(known, x, 0), ~known], axis=-1)"
    with pytest.raises(ValueError, match=re.escape(line)):
        rb.fit(model(), rb.Sequences(x, Y, batch_size=4), MSE, epochs=1)
    known = np.isfinite(x)
    x = np.concatenate([np.where(known, x, 0), ~known], axis=-1)
    assert x.dtype == np.float32
    net = rb.Sequential(rb.RNN(6, 4, rng=0), rb.Dense(4, 2, rng=1))
    history = rb.fit(net, rb.Sequences(x, Y, batch_size=4), MSE, epochs=1)
    assert np.isfinite(history.losses).all()

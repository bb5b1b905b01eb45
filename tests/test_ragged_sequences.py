"""Sequences of several lengths: batches, order, sums and outputs are those of the sequences alone."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays
from tests.ragged import LENGTHS, MSE, STEPS, TARGETS, N, X, labels, net, padded, table

CE = rb.losses.CrossEntropy()


def lists(**options: Any) -> rb.Sequences:
    return rb.Sequences(**({"x": X, "target": TARGETS, "batch_size": 4, "seed": 3} | options))


def arrays(fill: float = np.nan, **options: Any) -> rb.Sequences:
    given = {"x": padded(X, fill), "target": padded(TARGETS, fill), "lengths": LENGTHS}
    given["by_length"] = True
    return lists(**(given | options))


def rows_of(data: rb.Sequences, epoch: int) -> list[list[int]]:
    """The numbers of the sequences of each batch of an epoch."""
    batches = [data.batch(epoch, k) for k in range(data.batches_per_epoch)]
    first = [item[0, 0] for item in X]
    return [[first.index(value) for value in batch.x[0, :, 0]] for batch in batches]


@pytest.mark.quick
@pytest.mark.parametrize("make", [lists, arrays])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_batch_is_padded_to_its_longest(make: Any, shuffle: bool) -> None:
    data = make(shuffle=shuffle)
    for index, rows in enumerate(rows_of(data, 2)):
        batch, lengths = data.batch(2, index), LENGTHS[rows]
        assert_same_arrays([batch.lengths], [lengths])
        assert batch.x.shape == (lengths.max(), len(rows), 3)
        for b, n in enumerate(rows):
            assert_same_arrays([batch.x[: LENGTHS[n], b]], [X[n]])
            assert_same_arrays([batch.target[: LENGTHS[n], b]], [TARGETS[n]])
            assert not batch.x[LENGTHS[n] :, b].any()
            assert not batch.target[LENGTHS[n] :, b].any()
        assert_same_arrays([batch.mask], [np.arange(lengths.max())[:, None] < lengths])
        assert batch.fresh
        assert batch.x.flags.c_contiguous


def test_a_padded_array_has_the_batches_of_the_list_whatever_is_past_the_ends() -> None:
    turned = arrays(x=padded(X, 7).swapaxes(0, 1), target=padded(TARGETS, 7).swapaxes(0, 1), batch_first=False)  # fmt: skip
    for other in (arrays(), turned):
        for one, two in zip(lists(), other, strict=True):
            assert_same_arrays([one.x, one.target, one.mask], [two.x, two.target, two.mask])
    assert arrays(np.nan).fingerprint == arrays(-1.0).fingerprint == turned.fingerprint
    assert arrays(lengths=LENGTHS.clip(2)).fingerprint != arrays().fingerprint


def test_what_a_batch_has_is_not_the_users() -> None:
    one = rb.Sequences([X[0], X[1]], [TARGETS[0], TARGETS[1]], batch_size=1, shuffle=False)
    other = arrays(0.0, shuffle=False, batch_size=1)
    before = [X[0].copy(), other.x.array.copy()]
    for data in (one, other):
        batch = data.batch(0, 0)
        batch.x[:] = 9
        batch.lengths[:] = 1
    assert_same_arrays([X[0], other.x.array, other.lengths], [*before, LENGTHS])


@pytest.mark.quick
def test_the_order_is_drawn_from_seed_and_epoch() -> None:
    data = lists()
    late = rows_of(data, 9)
    orders = [rows_of(data, epoch) for epoch in range(6)]
    assert [rows_of(lists(), epoch) for epoch in range(6)] == orders
    assert rows_of(lists(), 9) == late
    assert all(sorted(chain(*order)) == list(range(N)) for order in orders)
    assert len({str(order) for order in orders}) > 3, "few sequences have few orders"
    assert [rows_of(lists(seed=4), epoch) for epoch in range(6)] != orders
    assert [len(rows) for rows in orders[0]] == [4] * (N // 4) + [N % 4]


def test_the_order_is_the_same_on_every_machine() -> None:
    order = rb.train.data.LengthOrder(np.arange(1, 22), 4, seed=5)
    assert order(0).tolist() == ORDERS[0]
    assert order(1).tolist() == ORDERS[1]


def test_batches_are_of_like_length_and_come_in_no_order_of_length() -> None:
    lengths = np.random.default_rng(0).integers(100, 1001, 640)
    order = rb.train.data.LengthOrder(lengths, 32, seed=0)
    for epoch in range(3):
        batches = lengths[order(epoch)].reshape(-1, 32)
        assert batches.sum() >= 0.85 * 32 * batches.max(axis=1).sum()
        means = batches.mean(axis=1)
        assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.7
        assert not np.array_equal(np.sort(means), means)
    pairs = [{tuple(sorted(rows)) for rows in order(k).reshape(-1, 32).tolist()} for k in (0, 1)]
    assert not pairs[0] & pairs[1]


def test_the_short_batch_is_of_any_length() -> None:
    order = rb.train.data.LengthOrder(np.arange(1, 34), 8, seed=0)
    assert len({int(order(epoch)[-1]) // 8 for epoch in range(40)}) >= 4


@pytest.mark.one_in(6)
@pytest.mark.parametrize("make", [lists, arrays])
@pytest.mark.parametrize("size", [1, 4, N])
def test_the_loss_is_that_of_the_sequences_alone(make: Any, size: int) -> None:
    model = net()
    alone = [rb.evaluate(model, x[:, None], t[:, None], MSE)[0] for x, t in zip(X, TARGETS, strict=True)]  # fmt: skip
    found = rb.evaluate(model, make(batch_size=size), MSE, metrics=["mse", "mae"])
    np.testing.assert_allclose(found["loss"], np.average(alone, weights=LENGTHS), rtol=1e-13)
    np.testing.assert_allclose(found["mse"], found["loss"], rtol=1e-13)


@pytest.mark.quick
@pytest.mark.parametrize("make", [lists, pytest.param(arrays, marks=pytest.mark.long)])
def test_an_update_is_that_of_the_sequences_alone(make: Any) -> None:
    """Batches of one sequence have no padding, and add up by their weights."""
    models = net(), net()
    for model, how in zip(models, ({"batch_size": N}, {"batch_size": 1}), strict=True):
        rb.fit(model, make(**how), MSE, rb.optim.SGD(model, 0.1), epochs=2, accumulate=N // how["batch_size"])  # fmt: skip
    for name, p in models[0].params.items():
        np.testing.assert_allclose(p, models[1].params[name], rtol=1e-12, err_msg=name)


def test_targets_of_each_sequence_are_at_its_last_step() -> None:
    model, data = net(3), lists(target=labels(), last=True)
    y = np.array([rb.predict(model, x[:, None])[0][-1, 0] for x in X])
    expected = CE(y, labels())[0]
    found = rb.evaluate(model, data, CE, metrics=["accuracy"])
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-12)
    assert found["accuracy"] == pytest.approx((y.argmax(axis=1) == labels()).mean())
    np.testing.assert_allclose(rb.predict(model, data), y, rtol=1e-12)
    weights = np.linspace(0, 1, N)
    weighted = rb.evaluate(model, lists(target=labels(), last=True, mask=weights + 0.1), CE)
    np.testing.assert_allclose(weighted["loss"], CE(y, labels(), weights + 0.1)[0], rtol=1e-12)


def test_predict_returns_a_list_in_the_order_of_the_data() -> None:
    model = net()
    alone = [rb.predict(model, x[:, None])[0][:, 0] for x in X]
    found = rb.predict(model, lists())
    assert [y.shape for y in found] == [(n, 2) for n in LENGTHS]
    for y, expected in zip(found, alone, strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    whole = rb.predict(model, arrays())
    assert whole.shape == (N, STEPS, 2)
    assert_same_arrays([whole], [padded(found, 0.0)])


def test_predict_takes_the_list_itself() -> None:
    model = net()
    for y, expected in zip(rb.predict(model, X), rb.predict(model, lists()), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    ends = rb.predict(model, X, last=True)
    np.testing.assert_allclose(ends, rb.predict(model, lists(), last=True), rtol=1e-12)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("kind", ["steps", "rows", "list"])
def test_masks_count_within_the_lengths(kind: str) -> None:
    weights = [np.random.default_rng(n).random(n) for n in LENGTHS]
    of_rows = np.linspace(0.5, 2, N)
    given, each = {
        "steps": ({"mask": padded(weights, np.nan)}, weights),
        "list": ({"mask": weights}, weights),
        "rows": ({"mask": of_rows}, [np.full(n, w) for n, w in zip(LENGTHS, of_rows, strict=True)]),
    }[kind]
    model = net()
    y = [rb.predict(model, x[:, None])[0][:, 0] for x in X]
    expected = MSE(np.concatenate(y), np.concatenate(TARGETS), np.concatenate(each))[0]
    for make in (lists, arrays):
        found = rb.evaluate(model, make(**given), MSE)["loss"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_integers_for_an_embedding() -> None:
    texts = [np.arange(n) % 5 for n in LENGTHS]
    model = rb.Sequential(rb.Embedding(5, 3, rng=0), rb.GRU(3, 4, rng=1), rb.Dense(4, 5, rng=2))
    data = rb.Sequences(texts, texts, batch_size=4)
    assert data.batch(0, 0).x.dtype == texts[0].dtype
    alone = [rb.evaluate(model, t[:, None], t[:, None], CE)[0] for t in texts]
    found = rb.evaluate(model, data, CE)["loss"]
    np.testing.assert_allclose(found, np.average(alone, weights=LENGTHS), rtol=1e-6)
    nested = rb.Sequences([t.tolist() for t in texts], [t.tolist() for t in texts], batch_size=4)
    assert_same_arrays([b.x for b in nested], [b.x for b in data])


def test_tables_are_arrays_of_their_columns() -> None:
    tables = [table(x) for x in X]
    data = lists(x=tables)
    assert_same_arrays([b.x for b in data], [b.x for b in lists()])
    assert data.fingerprint == lists().fingerprint


def test_items_may_be_mapped_files(tmp_path: Any) -> None:
    mapped = []
    for k, x in enumerate(X):
        np.save(tmp_path / f"{k}.npy", x)
        mapped.append(np.load(tmp_path / f"{k}.npy", mmap_mode="r"))
    data = lists(x=mapped)
    assert data.fingerprint == lists().fingerprint
    assert_same_arrays([b.x for b in data], [b.x for b in lists()])


def test_several_inputs_with_a_static_one() -> None:
    s = np.arange(N * 2.0).reshape(N, 2)
    data = lists(x={"x": X, "z": padded(TARGETS, np.nan), "s": s}, static=["s"])
    for batch in data:
        rows = [X_FIRST.index(v) for v in batch.x["x"][0, :, 0]]
        assert_same_arrays([batch.x["s"]], [s[rows]])
        assert_same_arrays([batch.x["z"]], [batch.target])


X_FIRST = [item[0, 0] for item in X]
ORDERS = [
    [0, 1, 2, 3, 8, 11, 10, 9, 4, 5, 7, 6, 15, 17, 19, 18, 12, 13, 14, 16, 20],
    [11, 14, 16, 15, 1, 2, 3, 4, 9, 10, 13, 12, 17, 18, 20, 19, 5, 6, 7, 8, 0],
]
"""Of two epochs, drawn once on Linux with NumPy 2."""


def test_a_target_of_each_sequence_stays_one_of_each() -> None:
    for target, how in ((labels(), {}), (labels()[:, None], {}), (np.ones((N, STEPS)), {"static": "target"})):  # fmt: skip
        for make in (lists, arrays):
            data = make(target=target, **how)
            for batch, rows in zip(data, rows_of(data, 0), strict=True):
                assert_same_arrays([batch.target, batch.lengths], [target[rows], LENGTHS[rows]])
                assert batch.mask is None
    plain = rb.Sequences(np.ones((6, 4, 3)), np.arange(6), mask=np.ones(6), batch_size=4, shuffle=False)  # fmt: skip
    assert_same_arrays([plain.batch(0, 1).target, plain.batch(0, 1).mask], [np.arange(4, 6), np.ones(2)])  # fmt: skip
    assert plain.batch(0, 0).lengths is None


def test_reading_a_list_takes_no_more_than_it_holds() -> None:
    import tracemalloc

    several = [np.zeros((1, 1))] * 3000 + [np.zeros((60_000, 1))]
    data = rb.Sequences(several, None, batch_size=2)
    tracemalloc.start()
    assert len(data.fingerprint) == 64
    data.batch(0, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000

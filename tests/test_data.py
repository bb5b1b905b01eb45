"""Sources of batches: windows, sequences, examples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch, Examples, Sequences, Source, Windows
from rnnbp.train.source import fingerprint


def epoch(source, number=0):
    return [source.batch(number, k) for k in range(source.batches_per_epoch)]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("steps", "horizon", "lanes"),
    [(24, 4, 3), (25, 4, 3), (26, 3, 4), (7, 10, 2), (5, 1, 5), (9, 2, 1)],
)
def test_windows_are_contiguous_lanes_each_element_once(steps, horizon, lanes):
    x, target = np.arange(steps), np.arange(steps) * 10
    batches = epoch(Windows(x, target, horizon=horizon, batch_size=lanes))
    lane = steps // lanes
    assert [len(b.x) for b in batches[:-1]] == [horizon] * (len(batches) - 1)
    assert 0 < len(batches[-1].x) <= horizon
    assert [b.fresh for b in batches] == [True] + [False] * (len(batches) - 1)
    whole = np.concatenate([b.x for b in batches])
    expected = [[b * lane + t for b in range(lanes)] for t in range(lane)]
    np.testing.assert_array_equal(whole, expected)
    np.testing.assert_array_equal(np.concatenate([b.target for b in batches]), whole * 10)
    assert sorted(whole.ravel()) == list(range(steps - steps % lanes)), (
        "all but the last steps mod lanes, once"
    )
    assert all(b.mask is None for b in batches)


def test_windows_are_the_same_in_every_epoch():
    source = Windows(np.arange(20), np.arange(20), horizon=3, batch_size=2)
    for a, b in zip(epoch(source, 0), epoch(source, 5), strict=True):
        np.testing.assert_array_equal(a.x, b.x)
        assert a.fresh == b.fresh


def test_windows_of_features_keep_them_together():
    x, target = np.random.default_rng(0).normal(size=(2, 13, 3))
    source = Windows(x, target[:, :1], horizon=4, batch_size=2)
    second = source.batch(0, 1)
    assert second.x.shape == (2, 2, 3)
    np.testing.assert_array_equal(second.x[1, 1], x[6 + 4 + 1])
    np.testing.assert_array_equal(second.target[0, 0], target[4, :1])


@pytest.mark.quick
def test_the_target_is_the_next_symbol():
    text = b"the quick brown fox jumps over the lazy dog, twice a day"
    symbols = np.frombuffer(text, np.uint8)
    batches = epoch(Windows.next_symbol(symbols, horizon=5, batch_size=3))
    lane = (len(text) - 1) // 3
    for b in range(3):
        read = bytes(np.concatenate([batch.x[:, b] for batch in batches]))
        told = bytes(np.concatenate([batch.target[:, b] for batch in batches]))
        assert read == text[b * lane : (b + 1) * lane]
        assert told == text[b * lane + 1 : (b + 1) * lane + 1]


def test_windows_of_a_mapped_file_read_only_their_steps(tmp_path):
    data = np.random.default_rng(0).integers(0, 256, 10_000).astype(np.uint8)
    data.tofile(tmp_path / "text")
    mapped = np.memmap(tmp_path / "text", np.uint8, "r")
    one, other = (Windows.next_symbol(d, horizon=100, batch_size=7) for d in (mapped, data))
    assert one.fingerprint == other.fingerprint
    for a, b in zip(epoch(one), epoch(other), strict=True):
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(a.target, b.target)
        assert type(a.x) is np.ndarray
        assert a.x.base is None


def test_windows_give_copies():
    x = np.zeros(10)
    Windows(x, x, horizon=5, batch_size=1).batch(0, 0).x[:] = 1
    assert not x.any()


def test_windows_of_a_stream_that_does_not_lie_together() -> None:
    whole = np.arange(2 * 43 * 3).reshape(86, 3)
    strided, plain = (
        Windows(x, None, horizon=4, batch_size=5) for x in (whole[::2], whole[::2].copy())
    )
    for one, other in zip(epoch(strided), epoch(plain), strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        assert one.x.flags.c_contiguous
        assert other.x.flags.c_contiguous
    np.testing.assert_array_equal(plain.batch(0, 1).x[1, 3], whole[2 * (3 * 8 + 5)])


@pytest.mark.quick
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("n", "size"), [(12, 4), (13, 4), (3, 10), (5, 1)])
def test_sequences_each_once_with_their_own_target_and_mask(n, size, batch_first, shuffle):
    x = np.arange(n * 3 * 2.0).reshape(n, 3, 2)
    mask = np.random.default_rng(0).random((n, 3))
    arrays = [a if batch_first else a.swapaxes(0, 1) for a in (x, x[:, :, 0] * 10, mask)]
    source = Sequences(
        *arrays[:2],
        mask=arrays[2],
        batch_size=size,
        batch_first=batch_first,
        shuffle=shuffle,
        seed=1,
    )
    batches = epoch(source)
    assert [b.x.shape for b in batches] == [(3, size, 2)] * (n // size) + [(3, n % size, 2)] * (
        n % size > 0
    )
    order = []
    for batch in batches:
        assert batch.fresh
        assert batch.x.flags.c_contiguous
        for b in range(batch.x.shape[1]):
            row = int(batch.x[0, b, 0]) // 6
            order.append(row)
            np.testing.assert_array_equal(batch.x[:, b], x[row])
            np.testing.assert_array_equal(batch.target[:, b], x[row, :, 0] * 10)
            np.testing.assert_array_equal(batch.mask[:, b], mask[row])
    assert sorted(order) == list(range(n))
    assert shuffle or order == list(range(n))


def order_of(source, number):
    return [int(v) for b in epoch(source, number) for v in b.x[0, :, 0]]


@pytest.mark.parametrize(
    "make", [lambda x, **k: Sequences(x[:, None], None, **k), lambda x, **k: Examples(x, None, **k)]
)
def test_the_order_is_drawn_from_seed_and_epoch_alone(make):
    x = np.arange(50)[:, None]
    source, same, other = (make(x, batch_size=8, seed=seed) for seed in (3, 3, 4))
    late = order_of(source, 7)
    orders = [order_of(source, number) for number in range(4)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in [*orders, late]}) == 5, (
        "every epoch has an order of its own"
    )
    assert order_of(same, 7) == late, "whatever was asked for before"
    assert order_of(same, 2) == orders[2]
    assert all(order_of(other, number) != orders[number] for number in range(4))
    expected = np.random.default_rng((3, 7)).permutation(50)
    assert late == expected.tolist()


def test_batches_can_be_asked_for_in_any_order():
    source = Sequences(np.arange(40.0).reshape(20, 2), None, batch_size=3)
    first = {(e, k): source.batch(e, k).x for e, k in itertools.product(range(6), range(7))}
    for e, k in sorted(first, key=lambda place: hash(str(place))):
        np.testing.assert_array_equal(source.batch(e, k).x, first[e, k])


@pytest.mark.parametrize(
    "target", [np.arange(6), np.arange(18.0).reshape(6, 3)], ids=["classes", "vectors"]
)
def test_a_target_for_the_last_step(target):
    x = np.arange(24.0).reshape(6, 4, 1)
    for batch in epoch(Sequences(x, target, batch_size=4, last=True)):
        rows = batch.x[0, :, 0].astype(int) // 4
        np.testing.assert_array_equal(batch.target[-1], target[rows])
        assert batch.target.dtype == target.dtype
        assert batch.target.shape == (4, len(rows), *target.shape[1:])
        np.testing.assert_array_equal(batch.mask, [[False] * len(rows)] * 3 + [[True] * len(rows)])


def test_the_last_step_is_the_last_one_of_weight():
    mask = np.array([[1, 1, 0, 0], [1, 0, 2, 0], [1, 1, 1, 0.5]])
    source = Sequences(
        np.zeros((3, 4, 1)), np.array([7, 8, 9]), mask=mask, last=True, batch_size=3, shuffle=False
    )
    batch = source.batch(0, 0)
    np.testing.assert_array_equal(batch.mask.T, [[0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0.5]])
    np.testing.assert_array_equal(batch.target.T, [[0, 7, 0, 0], [0, 0, 8, 0], [0, 0, 0, 9]])


def test_padding_behind_the_last_step_changes_nothing():
    model = rb.Sequential(
        rb.LSTM(2, 4, dtype="float64", rng=0), rb.Dense(4, 3, dtype="float64", rng=0)
    )
    x, lengths, target = (
        np.random.default_rng(0).normal(size=(5, 6, 2)),
        [6, 2, 3, 1, 6],
        np.array([0, 2, 1, 1, 0]),
    )
    mask = np.arange(6) < np.array(lengths)[:, None]
    batch = Sequences(x, target, mask=mask, last=True, batch_size=5, shuffle=False).batch(0, 0)
    loss = rb.losses.CrossEntropy()
    together = rb.bptt(model, batch.x, batch.target, loss, mask=batch.mask)
    alone = []
    for row, length in enumerate(lengths):
        y = rb.predict(model, x[row, :length, None])[0]
        alone.append(loss(y[-1], target[[row]])[0])
    assert together.loss == pytest.approx(np.mean(alone), rel=1e-14)


@pytest.mark.quick
@pytest.mark.parametrize("shuffle", [False, True])
def test_examples_are_sequences_of_one_step(shuffle):
    x, target = np.arange(22.0).reshape(11, 2), np.arange(11)
    batches = epoch(Examples(x, target, batch_size=4, shuffle=shuffle))
    assert [b.x.shape for b in batches] == [(1, 4, 2), (1, 4, 2), (1, 3, 2)]
    for batch in batches:
        assert batch.fresh
        assert batch.mask is None
        np.testing.assert_array_equal(batch.x[0, :, 0], batch.target[0] * 2.0)
    assert sorted(v for b in batches for v in b.target[0]) == list(range(11))


def test_no_target():
    x = np.zeros((6, 2))
    for source in (
        Windows(x, None, horizon=2, batch_size=2),
        Examples(x, None, batch_size=2),
        Sequences(x, None, batch_size=2),
    ):
        assert source.batch(0, 0).target is None


def test_sources_satisfy_the_protocol():
    x = np.zeros((6, 2))
    for source in (
        Windows(x, x, horizon=2, batch_size=2),
        Examples(x, x, batch_size=2),
        Sequences(x, x, batch_size=2),
    ):
        assert isinstance(source, Source)
        assert isinstance(source.batch(0, 0), Batch)
    assert not isinstance(x, Source)


def test_fingerprints_tell_data_and_options_apart():
    x = np.arange(24.0).reshape(6, 4)
    changed = x.copy()
    changed[3, 2] += 1e-12
    sources = [
        Sequences(x, x, batch_size=2),
        Sequences(x, x, batch_size=3),
        Sequences(x, x, batch_size=2, seed=1),
        Sequences(x, x, batch_size=2, shuffle=False),
        Sequences(changed, x, batch_size=2),
        Sequences(x, changed, batch_size=2),
        Sequences(x, None, batch_size=2),
        Sequences(x, x, mask=x > 3, batch_size=2),
        Sequences(x.astype(np.float32), x, batch_size=2),
        Sequences(x.reshape(6, 2, 2), x.reshape(6, 2, 2), batch_size=2),
        Sequences(x, x[:, 0], last=True, batch_size=2),
        Examples(x, x, batch_size=2),
        Windows(x, x, horizon=3, batch_size=2),
        Windows(x, x, horizon=2, batch_size=2),
        Windows(x, x, horizon=3, batch_size=1),
        Windows(changed, x, horizon=3, batch_size=2),
    ]
    assert len({fingerprint(source) for source in sources}) == len(sources)
    assert fingerprint(sources[0]) == fingerprint(
        Sequences(x.copy(order="F"), x.copy(), batch_size=2)
    )
    assert fingerprint(sources[0]) == fingerprint(
        Sequences(x.T, x.T, batch_size=2, batch_first=False)
    ), "the same sequences"


def test_a_large_array_is_digested_in_blocks():
    x = np.zeros((5, 1 << 20), np.float64)
    changed = x.copy()
    changed[-1, -1] = 1
    a, b = (fingerprint(Examples(data, None, batch_size=1)) for data in (x, changed))
    assert a != b


def test_a_source_of_ones_own_needs_no_fingerprint():
    class Own:
        batches_per_epoch = 3

        def batch(self, epoch, index):
            return Batch(np.zeros((1, 1)), None, None, True)

    assert isinstance(Own(), Source)
    assert fingerprint(Own()) == "Own of 3 batches"

"""Random numbers of a run: each use of dropout, each step and each seed draws its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.rng import Context, fold
from tests.plain_layers import MSE, rand, weighted


def test_no_two_uses_of_dropout_share_a_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two layers, two uses of one, two cells, one cell twice, all steps: each mask is its own."""
    seen: dict[tuple[int, int], bytes] = {}
    forward = rb.Dropout.forward

    def spy(self: rb.Dropout, x: np.ndarray, *, context: Context) -> Any:
        y, saved = forward(self, x, context=context)
        for k, mask in enumerate(saved[0] if saved[0].ndim == 3 else saved[0][None]):
            seen[context.place, context.step + k] = mask.tobytes()
        return y, saved

    def recurrent() -> rb.Recurrent:
        x, h, drop = rb.Input(200), rb.State(200), rb.Dropout(0.5)
        return rb.Recurrent(rb.Cell(x, {h: h}, output=drop(x) + drop(h)))

    monkeypatch.setattr(rb.Dropout, "forward", spy)
    x, shared, drop = rb.Input(200), recurrent(), rb.Dropout(0.5)
    graph = rb.Graph(x, drop(x) + drop(shared(shared(x))) + recurrent()(x) + rb.Dropout(0.5)(x))
    rb.bptt(
        graph, np.ones((5, 2, 200)), np.ones((5, 2, 200)), weighted, chunk=2, backend="interpreter"
    )
    assert len(seen) == 5 * (3 + 3 * 2)  # three uses outside, two in each of three cells
    assert len(set(seen.values())) == len(seen)


@pytest.mark.parametrize("seed", [0, 2**32, 2**63, 2**63 + 10**6, 2**64 - 2])
def test_neighbouring_seeds_draw_different_numbers(seed: int) -> None:
    assert not np.array_equal(
        Context(seed=seed).uniform((64,)), Context(seed=seed + 1).uniform((64,))
    )


def test_seed_and_place_do_not_mix() -> None:
    assert not np.array_equal(
        Context(seed=1).uniform((64,)), Context(seed=0, place=1).uniform((64,))
    )
    assert (
        len({fold(5), fold(5, 0), fold(5, 1), fold(5 + (1 << 32)), fold(0, 5), fold(5, 0, 0)}) == 6
    )


def test_streams_of_steps_do_not_overlap() -> None:
    draws = [Context(seed=1, step=step).uniform((4096,)) for step in range(4)]
    for later in draws[1:]:
        assert len(np.intersect1d(draws[0], later)) < 10  # of 24 bits, about one by chance


def test_a_chunk_draws_the_numbers_of_its_steps() -> None:
    chunk = Context(seed=1, step=3, length=4).uniform((4, 2, 5))
    for k in range(4):
        np.testing.assert_array_equal(chunk[k], Context(seed=1, step=3 + k).uniform((2, 5)))
    assert 0.45 < Context(seed=1).uniform((10_000,)).mean() < 0.55


def test_evaluation_draws_no_dropout() -> None:
    model = rb.Sequential(rb.Dense(3, 2, rng=0, dtype="float64"), rb.Dropout(0.5))
    x, target = rand(5, 2, 3), rand(5, 2, 2)
    expected = ((rb.predict(model, x)[0] - target) ** 2).mean()
    assert rb.evaluate(model, x, target, MSE)[0] == pytest.approx(expected, rel=1e-13)
    assert rb.bptt(model, x, target, MSE, training=False).loss == pytest.approx(expected, rel=1e-13)

"""Batch-first arrays that no source knows get a warning where what the model was trained on tells.

Others never.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests import helpers

reals = partial(helpers.reals, dtype="float32")

MSE = rb.losses.MeanSquaredError()


def new_model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(2, 3, rng=0), rb.Dense(3, 1, rng=1))


def of_sequences(model: Any) -> Any:
    """Fitted to batch-first sequences of 6 steps."""
    rb.fit(model, rb.Sequences(reals(8, 6, 2), reals(8, 6, 1), batch_size=4), MSE, epochs=1)
    return model


def of_windows(model: Any) -> Any:
    """Fitted to windows of 8 steps of 2 lanes."""
    rb.fit(model, rb.Windows(reals(40, 2), reals(40, 1), horizon=8, batch_size=2), MSE, epochs=1)
    return model


@cache
def fitted(to: Callable[[Any], Any]) -> Any:
    """A model that was fitted, once."""
    return to(new_model())


VX, VY = reals(90, 2), reals(90, 1)
"""A recording of 90 steps."""

ONE_STEP: dict[str, Callable[[], Any]] = {
    "predict": lambda: rb.predict(fitted(of_windows), VX[None]),
    "evaluate": lambda: rb.evaluate(fitted(of_windows), VX[None], VY[None], MSE),
    "bptt": lambda: rb.bptt(fitted(of_windows), VX[None], VY[None], MSE),
    "a model of sequences": lambda: rb.predict(fitted(of_sequences), VX[None]),
}
TURNED: dict[str, Callable[[], Any]] = {
    "predict": lambda: rb.predict(fitted(of_sequences), reals(11, 6, 2)),
    "evaluate": lambda: rb.evaluate(fitted(of_sequences), reals(11, 6, 2), reals(11, 6, 1), MSE),
    "one sequence": lambda: rb.predict(fitted(of_sequences), reals(1, 6, 2)),
}
SILENT: dict[str, Callable[[], Any]] = {
    "time-first": lambda: rb.predict(fitted(of_windows), VX[:, None]),
    "the first step of a stream of few": lambda: rb.predict(fitted(of_windows), reals(1, 12, 2)),
    "steps of a gradient": lambda: rb.bptt(
        fitted(of_windows), reals(1, 12, 2), reals(1, 12, 1), MSE
    ),
    "sequences, time-first": lambda: rb.predict(fitted(of_sequences), reals(6, 11, 2)),
    "as many steps as sequences": lambda: rb.predict(fitted(of_sequences), reals(6, 6, 2)),
    "others than in training": lambda: rb.predict(fitted(of_sequences), reals(11, 7, 2)),
    "longer ones from a source": lambda: rb.predict(
        fitted(of_sequences), rb.Sequences(reals(6, 9, 2), None, batch_size=6)
    ),
    "a source whose batches have 6": lambda: rb.evaluate(
        fitted(of_sequences), rb.Sequences(reals(6, 9, 2), reals(6, 9, 1), batch_size=6), MSE
    ),
    "a model that was not trained": lambda: rb.predict(new_model(), VX[None]),
    "a model without time": lambda: rb.predict(
        of_sequences(rb.Dense(2, 1, rng=0)), reals(11, 6, 2)
    ),
}


@pytest.mark.quick
@pytest.mark.parametrize("case", ONE_STEP)
def test_steps_that_became_sequences_are_noticed(case: str) -> None:
    text = r"x has shape \(1, 90, 2\), which is one step of 90 sequences.*trained on .* x\.swapaxes\(0, 1\)"
    with pytest.warns(UserWarning, match=text) as caught:
        ONE_STEP[case]()
    assert [each.filename for each in caught] == [__file__]


@pytest.mark.parametrize("case", TURNED)
def test_sequences_that_became_steps_are_noticed(case: str) -> None:
    text = r"steps of 6 sequences, and the model was trained on sequences of 6 steps.* x\.swapaxes\(0, 1\)"
    with pytest.warns(UserWarning, match=text) as caught:
        TURNED[case]()
    assert [each.filename for each in caught] == [__file__]


@pytest.mark.parametrize("case", SILENT)
def test_there_are_no_false_alarms(case: str) -> None:
    SILENT[case]()  # warnings are errors


def test_a_stream_of_single_steps_is_silent() -> None:
    state: Any = rb.predict(fitted(of_windows), reals(2, 90, 2))[1]
    for step in reals(3, 90, 2):
        _, state = rb.predict(fitted(of_windows), step[None], state=state)


@pytest.mark.parametrize(
    "model", [rb.LSTM(2, 1, rng=0), rb.Sequential(rb.GRU(2, 1, rng=0))], ids=str
)
def test_a_layer_alone_is_noticed_too(model: Any) -> None:
    of_sequences(model)
    with pytest.warns(UserWarning, match="steps of 6 sequences"):
        rb.predict(model, reals(11, 6, 2))


def test_the_rest_of_an_array_of_which_a_source_has_a_part_is_noticed() -> None:
    x, y = reals(10, 4, 2), reals(10, 4, 1)
    data = rb.Sequences(x[:7], y[:7], batch_size=7)
    with pytest.warns(UserWarning, match=r"here the axes are \(T, B.*: give x\.swapaxes\(0, 1\)"):
        rb.predict(fitted(of_sequences), x[7:])
    assert data.rows == 7


LIVING = {
    "an array": (reals(10, 4, 2), slice(None)),
    "a part of it": (reals(10, 4, 2), slice(7)),
    "its rest": (reals(10, 4, 2), slice(7, None)),
    "a table": (reals(10, 8), slice(7)),
    "a line": (reals(80), slice(5)),
}


@pytest.mark.parametrize("case", LIVING)
def test_a_source_that_is_gone_is_remembered_while_its_array_lives(case: str) -> None:
    loaded, part = LIVING[case]
    x = loaded.reshape(-1, 4, 2)
    for _ in range(20):
        rb.Sequences(x[:7], None, batch_size=7)
    with pytest.warns(UserWarning, match=r"lies in an array that Sequences takes as batch-first"):
        rb.predict(new_model(), x[part])


def test_a_source_that_is_built_again_with_its_axes_turned_holds() -> None:
    x = reals(10, 4, 2)
    rb.Sequences(x, None, batch_size=5)
    rb.Sequences(x, None, batch_size=4, batch_first=False)
    rb.predict(new_model(), x)
    with pytest.warns(UserWarning, match="takes as batch-first"):
        rb.predict(new_model(), x.swapaxes(0, 1))


def test_the_memory_of_an_array_that_is_gone_tells_nothing() -> None:
    for _ in range(5):
        x = np.zeros((10, 4, 2), "float32")
        rb.Sequences(x, None, batch_size=5)
        del x
        rb.predict(new_model(), np.zeros((10, 4, 2), "float32"))


def test_a_part_with_turned_axes_says_nothing_of_the_whole() -> None:
    x = reals(10, 4, 2)
    data = rb.Sequences(x.swapaxes(0, 1)[:3], None, batch_size=3)
    rb.predict(fitted(of_sequences), x)
    assert data.steps == 10


def test_what_a_source_knows_is_said_once() -> None:
    x = reals(11, 6, 2)
    data = rb.Sequences(x, None, batch_size=4)
    with pytest.warns(UserWarning, match="give x.swapaxes") as caught:
        rb.predict(fitted(of_sequences), x)
    assert (len(caught), data.rows) == (1, 11)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (rb.LayerNorm(3), (9, 3)),
        (rb.Split(2, 1), (9, 3)),
        (rb.Conv1D(2, 4, 3), (9, 2, 5)),
        (rb.LSTM(3, 4), (9, 3)),
    ],
    ids=str,
)
def test_one_sequence_without_its_batch_is_told_so(layer: Any, shape: tuple[int, ...]) -> None:
    x = rb.Input(shape[-1:] if len(shape) == 2 else shape[1:])
    made = layer(x)
    model = rb.Graph(x, made[0] if isinstance(made, tuple) else made)
    with pytest.raises(rb.ShapeError, match=r"axis 1, the batch, is missing; give x\[:, None\]"):
        rb.predict(model, reals(*shape))


TARGETS: dict[str, tuple[Any, Any, rb.losses.Loss, str]] = {
    "numbers": (
        reals(40, 2),
        reals(40),
        MSE,
        r"Windows: target has shape \(40,\); .* takes \(S, 1\), as the outputs: give target\[",
    ),
    "of recordings": (
        [reals(20, 2)] * 2,
        [reals(20)] * 2,
        MSE,
        r"target has shape \(20,\); .* takes \(S, 1\)",
    ),
    "one-hot rows": (
        reals(40, 2),
        np.eye(1)[[0] * 40],
        rb.losses.CrossEntropy(),
        r"class numbers \(S,\) .*target.argmax",
    ),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets_of_windows_are_told_in_their_own_shapes(case: str) -> None:
    x, target, loss, words = TARGETS[case]
    data = rb.Windows(x, target, horizon=8, batch_size=1)
    with pytest.raises(rb.ShapeError, match=words):
        rb.fit(new_model(), data, loss, epochs=1)

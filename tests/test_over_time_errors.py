"""What does not fit a network over time is one error that names the value and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.over_time_cases import case
from tests.over_time_layers import IN, N, gru, lstm

WRONG = (ValueError, TypeError)
"""And what derives of them, as ShapeError and DtypeError."""
MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()


def assert_says(call: Callable[[], object], *words: str) -> None:
    """That a call raises one error of one sentence, with each of these words and a cure."""
    with pytest.raises(WRONG) as caught:
        call()
    text = str(caught.value)
    missing = [word for word in words if word not in text]
    assert not missing, f"{missing} not in: {text}"
    assert ";" in text or "is one of" in text, f"no cure: {text}"
    assert "\n" not in text


LENGTHS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "of 0": ([3, 0, 1, 5], ("lengths", "sequence 1", "0")),
    "negative": ([3, 7, -1, 5], ("lengths", "sequence 2", "-1")),
    "beyond T": ([3, 8, 1, 5], ("lengths", "sequence 1", "8", "7")),
    "of another batch": ([3, 7, 1], ("lengths", "4", "3")),
    "fractional": ([3.0, 6.5, 1.0, 5.0], ("lengths", "sequence 1", "6.5")),
    "not finite": ([3.0, np.nan, 1.0, 5.0], ("lengths", "sequence 1", "nan")),
    "of two axes": ([[3, 7, 1, 5]], ("lengths", "(1, 4)")),
    "one number": (5, ("lengths", "5")),
    "flags": ([True, True, False, True], ("lengths", "bool")),
    "of the other axis": ([3, 1, 1, 1, 1, 1, 1], ("(4,)", "(7,)", "x.swapaxes(0, 1)")),
    "words": (["3", "7", "1", "5"], ("lengths",)),
    "by another axis": ({"tme": [3, 7, 1, 5]}, ("lengths", "'tme'", "'time'")),
    "by an input": (
        {"x": [3, 7, 1, 5]},
        ("'x'", "'time', the axis= of its Inputs, and not their names"),
    ),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_lengths(name: str) -> None:
    given, words = LENGTHS[name]
    one = case("both")
    lengths = given if isinstance(given, dict | int) else np.array(given)
    known = replace(one, given=replace(one.given, inputs=[np.nan_to_num(one.x)]))
    assert_says(lambda: known.bptt(lengths=lengths), *words)
    assert_says(lambda: known.predict(lengths=lengths), *words)


def test_lengths_in_floats_and_lists_that_are_whole_are_taken() -> None:
    one = case("both")
    whole = one.options["lengths"]
    expected, _ = one.predict()
    for given in (
        whole.astype(float),
        whole.tolist(),
        tuple(whole.tolist()),
        whole.astype("uint8"),
    ):
        found, _ = one.predict(lengths=given)
        np.testing.assert_array_equal(found[0], expected[0])


RESETS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "of another batch": (np.zeros((7, 3), bool), ("reset", "(7, 3)", "4")),
    "of other steps": (np.zeros((6, 4), bool), ("reset", "6", "7")),
    "batch first": (np.zeros((4, 7), bool), ("reset", "(4, 7)")),
    "of one axis": (np.zeros(7, bool), ("reset", "(7,)")),
    "numbers": (np.full((7, 4), 0.5), ("reset", "float64", "bool")),
    "symbols": (np.full((7, 4), 3), ("reset", "int64", "bool")),
}


@pytest.mark.parametrize("name", RESETS)
def test_resets(name: str) -> None:
    reset, words = RESETS[name]
    one = case("backward")
    assert_says(lambda: one.bptt(reset=reset), *words)
    assert_says(lambda: one.predict(reset=reset), *words)


def test_resets_of_an_axis_that_is_none() -> None:
    one = case("both")
    expected, _ = one.predict()
    found, _ = one.predict(reset={"time": None})
    np.testing.assert_array_equal(found[0], expected[0])
    assert_says(lambda: one.predict(reset={"tme": np.zeros((7, 4), bool)}), "'tme'", "'time'")


def test_a_name_that_no_input_has() -> None:
    one = case("several")
    text, numbers, about = one.given.inputs
    wrong = {"txt": text, "numbers": numbers, "about": about}
    assert_says(
        lambda: rb.bptt(one.model, wrong, one.target, one.loss, **one.options), "'txt'", "text"
    )


def test_an_input_that_is_missing() -> None:
    one = case("several")
    text, numbers, _ = one.given.inputs
    found = {"text": text, "numbers": numbers}
    assert_says(lambda: rb.predict(one.model, found, **one.options), "about")


def test_an_output_without_a_loss() -> None:
    one = case("several")
    losses = {"tag": CE, "number": MSE}
    assert_says(
        lambda: rb.bptt(one.model, one.x, one.target, losses, **one.options), "'class'", "None"
    )


def test_a_loss_of_an_output_that_is_not_there() -> None:
    one = case("several")
    losses = {"tag": CE, "class": CE, "numbr": MSE}
    assert_says(
        lambda: rb.bptt(one.model, one.x, one.target, losses, **one.options), "'numbr'", "number"
    )


def test_an_output_without_a_target() -> None:
    one = case("several")
    target = {key: value for key, value in one.target.items() if key != "class"}
    assert_says(lambda: rb.bptt(one.model, one.x, target, one.loss, **one.options), "'class'")


def test_one_loss_for_several_outputs() -> None:
    one = case("states as outputs")
    assert_says(lambda: rb.bptt(one.model, one.x, one.target, MSE, **one.options), "'z'", "'end'")


@pytest.mark.parametrize("name", ["tag", "class", "number"])
def test_a_target_of_another_shape_is_named(name: str) -> None:
    one = case("several")
    target = one.target | {name: one.target[name][:-1]}
    assert_says(lambda: rb.bptt(one.model, one.x, target, one.loss, **one.options), name, "target")


def test_a_decoder_that_is_longer_than_its_target() -> None:
    one = case("by state", "whole")
    words = "target", "4", "5", "'time'"
    assert_says(lambda: rb.bptt(one.model, one.x, one.target[:4], one.loss), *words)
    longer = np.zeros((9, 3, N))
    assert_says(lambda: rb.bptt(one.model, one.x, longer, one.loss), "9", *words[2:])


def test_series_of_one_axis_with_different_steps() -> None:
    a, b = rb.Input(IN, "a"), rb.Input(IN, "b")
    model = rb.Graph((a, b), rb.Last()(lstm(0)(a + b)))
    x = np.zeros((6, 2, IN)), np.zeros((5, 2, IN))
    assert_says(lambda: rb.bptt(model, x, np.zeros((2, N)), MSE), "6", "5", "b")


def test_axes_whose_batches_differ() -> None:
    one = case("by state", "whole")
    source, x = one.given.inputs
    assert_says(
        lambda: rb.bptt(one.model, (source[:, :2], x), one.target, one.loss), "x[0]", "2", "3"
    )


def test_series_of_two_axes_in_one_layer() -> None:
    a, b = rb.Input(IN, "a"), rb.Input(IN, "b", axis="source")
    assert_says(lambda: a + b, "a", "b", "'time'", "'source'")
    assert_says(lambda: rb.Dense((IN, IN), 2)(a, b), "a", "b", "'time'", "'source'")


def test_a_series_in_place_of_a_state() -> None:
    x = rb.Input(IN, "x")
    assert_says(lambda: gru(0)(x, state=gru(1)(x)), "state", "series", "Last")


def test_a_state_of_another_shape_in_a_graph() -> None:
    x, s = rb.Input(IN, "x"), rb.Input(N + 1, "s", per="sequence")
    assert_says(lambda: gru(0)(x, state=s), "state h", f"({N},)", f"({N + 1},)")


def test_one_state_of_two() -> None:
    x, s = rb.Input(IN, "x"), rb.Input(N, "s", per="sequence")
    assert_says(lambda: lstm(0)(x, state=s), "state", "2", "1")


STATES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "of another batch": ([(np.zeros((3, N)),) * 2, (np.zeros((4, N)),)], ("state", "4", "3")),
    "of another size": ([(np.zeros((4, N)),) * 2, (np.zeros((4, 5)),)], ("state", "5", "2")),
    "of one direction": ([(np.zeros((4, N)),) * 2], ("state", "2", "1")),
}


@pytest.mark.parametrize("name", STATES)
def test_the_state_of_a_run(name: str) -> None:
    state, words = STATES[name]
    one = case("both")
    assert_says(lambda: one.bptt(state=state), *words)


def test_a_state_of_a_run_where_the_network_gives_one() -> None:
    one = case("by state")
    state = [None, (np.zeros((4, N)),) * 2]
    assert_says(lambda: one.bptt(state=state), "state 1", "LSTM(3, 2)", "None")


def test_errors_of_a_loss_name_sequences_as_they_were_passed() -> None:
    """The third sequence is the shortest, and so the last of a sweep."""
    one = case("both")

    def loss(y: np.ndarray, target: np.ndarray) -> Any:
        dy = np.zeros_like(y)
        dy[target == 9] = np.nan
        return 0.0, dy

    target = np.nan_to_num(one.target)
    target[0, 2, 1] = 9
    for given in (loss, rb.losses.PerStep(lambda y, t: (y[..., 0], loss(y, t)[1]))):
        with pytest.raises(ValueError, match=r"dy = nan at \[0, 2, 1\]"):
            rb.bptt(one.model, one.x, target, given, **one.options)


def test_a_mask_of_one_output_that_does_not_fit() -> None:
    one = case("several", masked=True)
    mask = one.mask | {"class": np.ones(3, bool)}
    assert_says(lambda: one.bptt(mask=mask), "mask", "class")


def test_nan_within_a_row() -> None:
    one = case("both")
    x = one.x.copy()
    x[2, 0, 1] = np.nan  # that row has three steps
    assert_says(
        lambda: rb.bptt(one.model, x, one.target, one.loss, **one.options), "x", "[2, 0, 1]"
    )


def test_directions_that_do_not_make_a_pair() -> None:
    one = lstm(0)
    assert_says(lambda: rb.Bidirectional(one, one), "Bidirectional")
    assert_says(lambda: rb.Bidirectional(lstm(0, reverse=True), lstm(1)), "forward", "reverse")
    assert_says(lambda: rb.Bidirectional(lstm(0), lstm(1), merge="add"), "merge", "'add'")
    assert_says(lambda: rb.Bidirectional(lstm(0), lstm(1, n=3), merge="sum"), "2", "3")

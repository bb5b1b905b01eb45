"""Constants next to values in ONNX graphs: what they add up to, cut and mix, as in onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.onnx_nodes import B, F, N, T, node_model, ort

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def rnn_then(*nodes: Any, **arrays: Any) -> Any:
    """A model of an RNN, whose output (T, B, N) is ``s``, and these nodes, the last of which is y."""
    model = node_model("RNN")
    arrays = {"one": np.array([1]), **arrays}
    squeeze = onnx.helper.make_node("Squeeze", ["Y", "one"], ["s"])
    model.graph.node.extend([squeeze, *nodes])
    model.graph.initializer.extend(
        [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]
    )
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info("y", 1, None))
    return model


def node(kind: str, *inputs: str, to: str = "y", **attributes: Any) -> Any:
    return onnx.helper.make_node(kind, list(inputs), [to], name=f"node_{to}", **attributes)


def numbers(*shape: int) -> np.ndarray:
    """From a half to one and a half."""
    return np.random.default_rng(5).uniform(0.5, 1.5, shape).astype("float32")


def check(model: Any) -> None:
    x = np.random.default_rng(6).normal(size=(T, B, F)).astype("float32")
    (expected,) = ort(model, {"X": x})
    found, _ = rb.predict(rb.interchange.from_onnx(model), x)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 2e-6 * max(1, np.abs(expected).max())


def refused(model: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        rb.interchange.from_onnx(model)


@pytest.mark.parametrize("clip", [0.0, -1.0])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_clip_that_is_none_is_refused(kind: str, clip: float) -> None:
    """Runtimes differ: onnxruntime's RNN clips to 0, its LSTM and GRU refuse."""
    refused(node_model(kind, clip=clip), rf"the_node \({kind}\): attribute clip = {clip:g}; give")


def gemm(shape: tuple[int, ...], **attributes: Any) -> Any:
    row = onnx.helper.make_node("Gather", ["Y_h", "first"], ["h"], axis=0)
    arrays = {"first": np.array(0), "M": numbers(N, B), "C": numbers(*shape)}
    return rnn_then(row, node("Gemm", "h", "M", "C", **attributes), **arrays)


@pytest.mark.parametrize("shape", [(B,), (1, B), (1,), ()], ids=str)
def test_a_gemm_adds_one_row_to_all(shape: tuple[int, ...]) -> None:
    check(gemm(shape, beta=0.5))


@pytest.mark.parametrize("shape", [(B, 1), (B, B)], ids=str)
def test_a_gemm_that_adds_to_each_row_something_else_is_refused(shape: tuple[int, ...]) -> None:
    """Of as many features as sequences it would pass for a bias."""
    refused(gemm(shape), rf"node_y \(Gemm\): adds a constant of shape \({B}, ")


@pytest.mark.parametrize("shape", [(N,), (1, 1, N), (1,), ()], ids=str)
@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div"])
def test_arithmetic_with_a_number_for_each_feature(kind: str, shape: tuple[int, ...]) -> None:
    """As ``(x - mean) / std``; the value once first, once second."""
    check(rnn_then(node(kind, "s", "c"), c=numbers(*shape)))
    shifted = onnx.helper.make_node("Add", ["s", "two"], ["p"])  # away from 0
    check(rnn_then(shifted, node(kind, "c", "p"), c=numbers(*shape), two=np.float32(2)))


def test_numbers_that_change_nothing_leave_no_layer() -> None:
    for kind, number in {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1}.items():
        model = rnn_then(node(kind, "s", "c"), c=np.full(N, number, "float32"))
        assert "Scale" not in repr(rb.interchange.from_onnx(model))


def test_a_division_by_zero_is_refused() -> None:
    model = rnn_then(node("Div", "s", "c"), c=np.eye(1, N, dtype="float32"))
    refused(model, r"node_y \(Div\): divides by 0; leave it out")


def test_limits_that_differ_by_feature_are_refused() -> None:
    model = rnn_then(node("Max", "s", "c"), c=numbers(N))
    refused(model, r"node_y \(Max\): takes limits that differ by feature")


@pytest.mark.parametrize(
    "sizes", [(B, T, N), (T, B, N), (-1, T, N), (1, -1, N), (-1, 1, N)], ids=str
)
def test_a_shape_that_does_not_say_which_axis_is_time_is_refused(sizes: tuple[int, ...]) -> None:
    """Of sizes that the inputs leave open: (B, T) in place of (T, B) is what views get wrong."""
    again = [node("Reshape", "s", "sizes", to="r"), node("RNN", "r", "W2", "R2", hidden_size=N)]
    arrays = {"W2": numbers(1, N, N), "R2": numbers(1, N, N), "sizes": np.array(sizes)}
    refused(rnn_then(*again, **arrays), r"node_. \((Reshape\): makes the shape|RNN\): its input)")


@pytest.mark.parametrize("sizes", [(0, 0, N), (0, 0, -1), (0, -1, N), (-1, 0, N)], ids=str)
def test_a_shape_that_keeps_time_and_batch_is_read(sizes: tuple[int, ...]) -> None:
    check(rnn_then(node("Reshape", "s", "sizes"), sizes=np.array(sizes)))


@pytest.mark.parametrize("used", [0, 1])
def test_one_part_of_a_split_may_be_all_that_is_used(used: int) -> None:
    split = onnx.helper.make_node("Split", ["s", "sizes"], ["a", "b"], axis=-1)
    check(rnn_then(split, node("Tanh", "ab"[used]), sizes=np.array([2, N - 2])))

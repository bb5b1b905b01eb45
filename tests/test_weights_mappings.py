"""Weights that are arrays by name already, of NumPy or PyTorch, without a file."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from tests.torch_states import as_arrays, stacked, state_dict


class Tensor:
    """What PyTorch's is: it has to leave the graph and the device before NumPy reads it."""

    is_meta = False

    def __init__(self, array, dtype="torch.float32", *, free=False):
        self.array, self.dtype, self.free = array, dtype, free

    def detach(self):
        return self

    def cpu(self):
        return Tensor(self.array, self.dtype, free=True)

    def float(self):
        return Tensor(self.array, free=True)

    def __array__(self, dtype=None, copy=None):
        if not self.free or self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


Tensor.__module__ = "torch"


@pytest.mark.parametrize("kind", ["torch.float32", "torch.bfloat16"])
def test_a_state_dict_is_loaded_without_a_file(kind):
    theirs, model = state_dict(), stacked()
    tensors = {name: Tensor(a, kind) for name, a in theirs.items()}
    assert rb.load_weights(model, tensors, rename="torch") == {}
    np.testing.assert_array_equal(model.params["rnn.2.weight_ih"], theirs["rnn.weight_ih_l1"])
    np.testing.assert_array_equal(model.params["head.bias"], theirs["head.bias"])


def test_a_tensor_without_numbers_is_named(monkeypatch):
    theirs, model = state_dict(), stacked()
    tensors = {name: Tensor(a) for name, a in theirs.items()}
    monkeypatch.setattr(tensors["head.bias"], "is_meta", True)
    text = "load_weights from the dict: head.bias is on the meta device and has no numbers; give"
    with pytest.raises(ValueError, match=text):
        rb.load_weights(model, tensors, rename="torch")


def test_arrays_of_another_model_are_copied_and_rounded():
    theirs, model = stacked().astype("float64"), stacked()
    theirs.params["head.bias"] += 1 / 3
    rb.load_weights(model, theirs.params)
    assert as_arrays(model.params) == {
        name: p.astype("float32").tolist() for name, p in theirs.params.items()
    }
    assert not np.shares_memory(model.params["head.bias"], theirs.params["head.bias"])


def test_the_model_s_own_arrays_may_change_places():
    model = rb.Sequential(rb.Dense(3, 3, name="a"), rb.Dense(3, 3, name="b"))
    a, b = model.params["a.weight"].copy(), model.params["b.weight"].copy()
    rb.load_weights(
        model, model.params, rename=lambda name: {"a": "b", "b": "a"}[name[0]] + name[1:]
    )
    np.testing.assert_array_equal(model.params["a.weight"], b)
    np.testing.assert_array_equal(model.params["b.weight"], a)


def test_one_array_may_have_two_names():
    same = np.ones((3, 3), "float32")
    model = rb.Sequential(rb.Dense(3, 3, bias=False), rb.Dense(3, 3, bias=False))
    rb.load_weights(model, {"x": same, "y": same}, rename={"x": "0.weight", "y": "1.weight"})
    assert as_arrays(model.params) == {"0.weight": same.tolist(), "1.weight": same.tolist()}


def test_strict_and_a_file_of_numpy_s(tmp_path):
    model = rb.Sequential(rb.Dense(3, 3, name="a"), rb.Dense(3, 2, name="b"))
    np.savez(tmp_path / "a.npz", **{"a.weight": np.ones((3, 3)), "a.bias": np.full(3, 2.0)})
    with (
        np.load(tmp_path / "a.npz") as arrays,
        pytest.warns(UserWarning, match="left as they are: b.weight; b.bias$") as seen,
    ):
        rb.load_weights(model, arrays, strict=False)
    assert seen[0].filename == __file__
    assert model.params["a.bias"].tolist() == [2, 2, 2]


BAD = {
    "no text": ({3: np.ones(2)}, TypeError, r"from the dict: names are texts, found 3; give"),
    "no numbers": ({"head.bias": ["a", "b"]}, ValueError, "head.bias is <U1; weights are floats"),
    "a NaN": ({"head.bias": np.array([0, np.nan])}, ValueError, "head.bias has nan at"),
    "a shape": ({"head.bias": np.ones(3)}, ValueError, r"head.bias has shape \(3,\), the model's"),
    "a name": ({"head.biases": np.ones(2)}, ValueError, r"rename={'head.biases': 'head.bias'}"),
    "a rename": (
        {"x": np.ones(2)}, ValueError, "rename has 'y', which is not one of the dict's names",
    ),
}  # fmt: skip
"""The arrays, the error, its text."""
RENAMES = {"a rename": {"y": "z"}}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused_and_nothing_changes(case):
    arrays, error, text = BAD[case]
    model = stacked()
    before = model.params.copy()
    full = {name: p for name, p in before.items() if name != "head.bias"}
    with pytest.raises(error, match=text):
        rb.load_weights(model, full | arrays, rename=RENAMES.get(case))
    assert model.params == before


def test_update_names_the_right_layer_and_what_reads_pytorch_s():
    with pytest.raises(
        ValueError,
        match=r"did you mean 'rnn.0.weight_ih'\?\); PyTorch's are read by rnnbp.load_weights\(model, "
        r"arrays, rename='torch'\); the net",
    ):
        stacked().params.update({"rnn.weight_ih_l0": np.ones((16, 3))})

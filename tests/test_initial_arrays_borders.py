"""Initial values that are arrays, as constant initialisers of Keras and PyTorch take."""

import re

import numpy as np
import pytest

import rnnbp as rb

rng = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_array_is_the_parameter(dtype):
    weight, bias = rng.normal(size=(2, 3)), np.arange(2)
    dense = rb.Dense(3, 2, weight_init=weight, bias_init=bias, dtype=dtype)
    np.testing.assert_array_equal(dense.params["weight"], weight.astype(dtype))
    np.testing.assert_array_equal(dense.params["bias"], bias)
    assert dense.params["weight"].dtype == dtype


def test_it_is_copied():
    bias = np.zeros(2, "float32")
    dense = rb.Dense(3, 2, bias_init=bias)
    bias += 1
    assert (dense.params["bias"] == 0).all()


def test_a_list_of_numbers_is_an_array_too():
    assert rb.Dense(3, 2, bias_init=[0.5, 1.5]).params["bias"].tolist() == [0.5, 1.5]


def test_embedding_convolution_and_cells_take_them():
    vectors = rng.normal(size=(5, 3))
    embedding = rb.Embedding(5, 3, weight_init=vectors, dtype="float64")
    assert (embedding(np.array([4, 0])) == vectors[[4, 0]]).all()
    kernel = rng.normal(size=(4, 3, 2))
    conv = rb.Conv1D(3, 4, 2, weight_init=kernel, dtype="float64")
    assert (conv.params["weight"] == kernel).all()
    bias = np.arange(16.0)
    lstm = rb.LSTM(3, 4, bias_init=bias, recurrent_init=np.ones((16, 4)))
    assert (lstm.params["bias_ih"] == bias).all()
    assert (lstm.params["weight_hh"] == 1).all()


class Ones:
    """An initializer that has a shape, which is no array."""

    shape = (9,)

    def __call__(self, rng, shape):
        return np.ones(shape)


def test_a_function_that_has_a_shape_is_called():
    assert (rb.Dense(3, 2, weight_init=Ones()).params["weight"] == 1).all()


@pytest.mark.parametrize("how", [np.ndarray, type("Odd", (), {"shape": None})()])
def test_what_has_a_shape_of_a_kind_is_no_array(how):
    with pytest.raises(
        TypeError, match="an initializer is a name, a number, an array or a function"
    ):
        rb.Dense(3, 2, weight_init=how)


def test_the_draws_of_the_others_stay():
    one, other = (rb.Dense(3, 2, rng=0, bias_init=b) for b in (None, np.ones(2)))
    assert (one.params["weight"] == other.params["weight"]).all()


REFUSED = {
    "another shape": (
        lambda: rb.Dense(3, 2, bias_init=np.zeros(3)),
        "Dense: bias: the initial values have shape (3,), the parameter has (2,)",
    ),
    "of Keras, transposed": (
        lambda: rb.Dense(3, 2, weight_init=np.zeros((3, 2))),
        "the parameter has (2, 3); give its transpose, .T",
    ),
    "NaN": (
        lambda: rb.Dense(3, 2, bias_init=np.array([0.0, np.nan])),
        "Dense: bias: the initial values have nan at [1]; it must be finite in float32",
    ),
    "complex": (
        lambda: rb.Dense(3, 2, bias_init=np.zeros(2, complex)),
        "the initial values have dtype complex128; parameters are real numbers",
    ),
    "ragged": (
        lambda: rb.Dense(3, 2, weight_init=[[1.0], [1.0, 2.0]]),
        "Dense: weight: the list of initial values has parts of inhomogeneous shape",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case):
    call, text = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=re.escape(text)):
        call()


def test_the_part_of_a_cell_is_named():
    with pytest.raises(ValueError, match=r"shape \(4,\), the parameter has \(16,\)") as caught:
        rb.LSTM(3, 4, bias_init=np.zeros(4))
    assert caught.value.__notes__ == ["in weight_ih or bias_ih of LSTM(3, 4)"]

"""Arrays come in by one way.

What cannot be meant is refused at every function, and what can gives right numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import rnnbp as rb
from rnnbp.train import Batch
from tests import helpers

reals = partial(helpers.reals, dtype="float32")

MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
T, B, F = 4, 3, 2


def rnn(dtype: str = "float32") -> rb.Recurrent:
    return rb.RNN(F, F, rng=0, dtype=dtype)


class Given:
    """A source of one batch, as a user may write it."""

    batches_per_epoch = 1

    def __init__(self, x: Any) -> None:
        self.x = x

    def batch(self, epoch: int, index: int) -> Batch:
        return Batch(self.x, self.x, None, fresh=True)


def class_weight(given: Any) -> Any:
    return rb.losses.CrossEntropy(class_weight=given[0, 0])


DOORS: dict[str, Callable[[Any], Any]] = {
    "bptt, x": lambda a: rb.bptt(rnn(), a, reals(T, B, F), MSE),
    "bptt, target": lambda a: rb.bptt(rnn(), reals(T, B, F), a, MSE),
    "bptt, mask": lambda a: rb.bptt(rnn(), reals(T, B, F), reals(T, B, F), MSE, mask=a[..., 0]),
    "bptt, state": lambda a: rb.bptt(rnn(), reals(T, B, F), reals(T, B, F), MSE, state=a[0]),
    "predict": lambda a: rb.predict(rnn(), a),
    "evaluate": lambda a: rb.evaluate(rnn(), reals(T, B, F), a, MSE),
    "backprop, x": lambda a: rb.backprop(rb.Dense(F, F, rng=0), a[0], reals(B, F), MSE),
    "backprop, target": lambda a: rb.backprop(rb.Dense(F, F, rng=0), reals(B, F), a[0], MSE),
    "check_grads": lambda a: rb.check_grads(rnn(), a, reals(T, B, F), MSE),
    "check_grads of a layer": lambda a: rb.check_grads(rb.Dense(F, F, rng=0), (a,)),
    "check_grads of a loss": lambda a: rb.check_grads(MSE, a, reals(T, B, F)),
    "Sequences, x": lambda a: rb.Sequences(a, None, batch_size=2),
    "Sequences, target": lambda a: rb.Sequences(reals(T, B, F), a, batch_size=2),
    "Sequences, mask": lambda a: rb.Sequences(reals(T, B, F), None, mask=a[..., 0], batch_size=2),
    "Windows": lambda a: rb.Windows(a, None, horizon=2, batch_size=1),
    "Windows, target": lambda a: rb.Windows(reals(T, B, F), a, horizon=2, batch_size=1),
    "Windows.next_symbol": lambda a: rb.Windows.next_symbol(a, horizon=2, batch_size=1),
    "Examples": lambda a: rb.Examples(a, None, batch_size=2),
    "a source of one's own": lambda a: rb.fit(rnn(), Given(a), MSE, epochs=1),
    "a loss, outputs": lambda a: MSE(a, reals(T, B, F)),
    "a loss, target": lambda a: MSE(reals(T, B, F), a),
    "a loss, weights": lambda a: MSE(reals(T, B, F), reals(T, B, F), a),
    "cross-entropy, target": lambda a: CE(reals(T, B, F, 3), a),
    "class weights": class_weight,
    "an initializer": lambda a: rb.Dense(
        (T, B, F)[1:][0], T, weight_init=lambda rng, shape: a[:, :, 0]
    ),
    "a layer": lambda a: rb.Dense(F, F, rng=0)(a),
    "a parameter": lambda a: rb.Dense(B, F, rng=0).params.__setitem__("weight", a[0].T),
    "a gradient": lambda a: rb.optim.SGD({"w": np.zeros((T, B, F))}, learning_rate=0.1).step(
        {"w": a}
    ),
    "clipping": lambda a: rb.optim.clip_norm({"w": a}, 1.0),
    "compare": lambda a: rb.compare.sweep(rnn(), a, reals(T, B, F), MSE),
}


@pytest.mark.parametrize("door", DOORS)
def test_masked_arrays_are_refused_everywhere(door: str) -> None:
    """The mask would be lost, and what it hides trained on."""
    with pytest.raises(TypeError, match="masked array, whose mask would be lost; give its data"):
        DOORS[door](np.ma.masked_less(np.abs(reals(T, B, F)), 0.1))


WHOLE = [door for door in DOORS if door not in ("bptt, mask", "bptt, state", "backprop, x", "backprop, target",
         "Sequences, mask", "class weights", "an initializer", "a parameter", "a gradient", "clipping")]  # fmt: skip
BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "ragged": ([np.zeros((5, 2)), np.zeros((7, 2))], rb.ShapeError, "parts of inhomogeneous shape; .*pad them.* lengths="),
    "ragged lists": ([[[1.0, 2.0]], [[1.0]]], rb.ShapeError, "parts of inhomogeneous shape; .*pad them"),
    "masked in a list": ([np.ma.masked_equal(np.ones((B, F)), 1)] * T, TypeError, "masked array, whose mask would be lost"),
    "masked in nested lists": ([[np.ma.masked_equal(np.ones(F), 1)] * B] * T, TypeError, "masked array, whose mask"),
    "sparse array": (sparse.coo_array(np.eye(3)), TypeError, r"is a sparse coo_array; give .*\.toarray\(\)"),
    "sparse matrix": (sparse.csr_matrix(np.eye(3)), TypeError, r"is a sparse csr_matrix; give .*\.toarray\(\)"),
}  # fmt: skip


RECORDINGS = {
    (door, "ragged") for door in ("Windows", "Windows.next_symbol", "Sequences, x", "predict")
}
"""A list of arrays of several lengths is one of recordings there, or of sequences."""


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("door", "case"), [(d, c) for d in WHOLE for c in BAD if (d, c) not in RECORDINGS]
)
def test_what_is_no_array_is_refused_everywhere(door: str, case: str) -> None:
    given, error, message = BAD[case]
    with pytest.raises(error, match=message):
        DOORS[door](given)


NO_NUMBERS: dict[str, Any] = {
    "a set": {1.0, 2.0},
    "a dict": {"a": 1.0},
    "text": "abc",
    "bytes": b"abc",
    "None in a list": [[[None, 1.0]]],
    "datetimes": np.zeros((T, B, F), "datetime64[s]"),
    "structured": np.zeros((T, B), [("a", "f4"), ("b", "f4")]),
    "objects": np.zeros((T, B, F), object),
    "complex": np.zeros((T, B, F), complex),
    "an object": object(),
}
ROWS = ("bptt, x", "predict", "Sequences, x", "Windows", "Windows.next_symbol", "Examples",
        "a source of one's own", "a loss, target", "a loss, weights", "compare", "check_grads")  # fmt: skip


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", NO_NUMBERS)
@pytest.mark.parametrize("door", ROWS)
def test_what_holds_no_numbers_is_refused(door: str, case: str) -> None:
    with pytest.raises((TypeError, rb.ShapeError)) as caught:
        DOORS[door](NO_NUMBERS[case])
    assert ";" in str(caught.value)  # the cure


@pytest.mark.parametrize("door", ["bptt, x", "predict", "a source of one's own", "check_grads"])
def test_a_dict_for_an_only_input_without_a_name_is_refused(door: str) -> None:
    with pytest.raises(TypeError, match=r"a dict, .* one input, without a name; give the array"):
        DOORS[door]({"a": reals(T, B, F)})


def test_a_tensor_that_requires_grad_names_the_cure_of_its_library() -> None:
    class Tensor:
        def __array__(self, *_: object, **__: object) -> Any:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )

    with pytest.raises(
        TypeError, match=r"cannot be read as an array: .* Use tensor.detach\(\).numpy\(\) instead"
    ):
        rb.predict(rnn(), Tensor())


class Frame:
    """As pandas' frames: ``iloc``, and brackets that look for labels."""

    iloc = None

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array

    def __getitem__(self, label: Any) -> Any:
        raise KeyError(label)

    def __len__(self) -> int:
        return len(self.array)


def strange(x: np.ndarray) -> dict[str, Any]:
    """The same numbers, held in other ways."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    odd = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    odd[...] = x
    return {
        "lists": x.tolist(),
        "tuples": tuple(map(tuple, x)),
        "a list of arrays": list(x),
        "every second": wide[..., ::2],
        "backwards": np.ascontiguousarray(x[::-1])[::-1],
        "Fortran order": np.asfortranarray(x),
        "read-only": frozen,
        "an odd address": odd,
        "a frame": Frame(x),
        "a buffer": memoryview(x),
        "another byte order": x.astype(x.dtype.newbyteorder(">")),
    }


HOW = list(strange(np.zeros((2, 2, 2))))


@pytest.mark.parametrize("how", [how for how in HOW if how != "another byte order"])
def test_floats_held_in_any_way_train_alike(how: str) -> None:
    model, x, target = (
        rnn("float64"),
        reals(T, B, F, dtype=np.float64),
        reals(T, B, F, dtype=np.float64),
    )
    ones = np.ones((T, B))
    expected = rb.bptt(model, x, target, MSE, mask=ones, chunk=2)
    found = rb.bptt(
        model, strange(x)[how], strange(target)[how], MSE, mask=strange(ones)[how], chunk=2
    )
    assert found.loss == expected.loss
    np.testing.assert_array_equal(found.dx, expected.dx)
    batch = rb.Sequences(strange(x)[how], strange(target)[how], batch_size=T, shuffle=False).batch(
        0, 0
    )
    np.testing.assert_array_equal(batch.x, x.swapaxes(0, 1))


@pytest.mark.parametrize("how", HOW)
def test_symbols_held_in_any_way_train_alike(how: str) -> None:
    model = rb.Sequential(rb.Embedding(5, 3, rng=0), rb.LSTM(3, 4, rng=1), rb.Dense(4, 5, rng=2))
    x = np.random.default_rng(1).integers(0, 5, (T, B)).astype(np.int16)
    expected = rb.bptt(model, x, x, CE, chunk=2)
    found = rb.bptt(model, strange(x)[how], strange(x)[how], CE, chunk=2)
    assert found.loss == expected.loss
    for name, grad in expected.grads.items():
        np.testing.assert_array_equal(found.grads[name], grad)


AXES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "one sequence": (lambda: rb.bptt(rnn(), reals(T, F), reals(T, F), MSE), rb.ShapeError, r"x has shape \(\d+, 2\), .* axis 1, the batch, is missing; give x\[:, None\]"),
    "one sequence, predict": (lambda: rb.predict(rb.Sequential(rb.LSTM(F, 4, rng=0), rb.Dense(4, 1)), reals(T, F)), rb.ShapeError, r"give x\[:, None\]"),
    "one image, backprop": (lambda: rb.backprop(rb.Dense(F, F, rng=0), reals(F), reals(F), MSE), rb.ShapeError, r"axis 0, the batch, is missing; give x\[None\]"),
    "symbols of one sequence": (lambda: rb.predict(rb.Sequential(rb.Embedding(5, F, rng=0), rnn()), np.zeros(T, int)), rb.ShapeError, r"for one sequence use x\[:, None\]"),
    "target batch-first": (lambda: rb.bptt(rnn(), reals(T, B, F), reals(B, T, F), MSE), rb.ShapeError, r"give target.swapaxes\(0, 1\)"),
    "mask batch-first": (lambda: rb.evaluate(rnn(), reals(T, B, F), reals(T, B, F), MSE, mask=np.ones((B, T))), rb.ShapeError, r"give mask.swapaxes\(0, 1\)"),
    "target without features": (lambda: MSE(reals(T, B, 1), reals(T, B)), rb.ShapeError, r"target must have 3 axes, found 2 .*give target\[\.\.\., None\]"),
    "target with features": (lambda: rb.losses.BinaryCrossEntropy()(reals(T, B), np.ones((T, B, 1))), rb.ShapeError, r"give target\[\.\.\., 0\]"),
    "labels from 1": (lambda: CE(reals(T, 3), np.array([1, 2, 3, 1])), ValueError, "labels count from 0: give target - 1"),
    "labels from 1, padded": (lambda: CE(reals(T, 3), np.array([1, 2, 3, 0]), np.array([1, 1, 1, 0])), ValueError, "labels count from 0"),
    "one label too many": (lambda: CE(reals(T, 3), np.array([0, 2, 3, 1])), ValueError, "if 3 is a class, give 4 outputs"),
    "symbols from 1": (lambda: rb.predict(rb.Sequential(rb.Embedding(3, F, rng=0), rnn()), np.array([[1], [3], [2]])), IndexError, "count symbols from 0, as x - 1, or build the layer for 4"),
    "no features": (lambda: rb.predict(rnn(), [[[]]]), rb.ShapeError, r"input axis -1 must have size 2, found 0"),
    "no outputs": (lambda: MSE(None, reals(T, 1)), rb.DtypeError, "outputs are float32 or float64, found dtype object"),
    "one-hot": (lambda: CE(reals(T, 3), np.eye(3, dtype=int)[[0, 1, 2, 0]]), rb.ShapeError, r"give class numbers, as target.argmax\(axis=-1\)"),
    "one-hot floats": (lambda: rb.bptt(rnn(), reals(T, B, F), np.eye(2)[np.zeros((T, B), int)], CE), rb.ShapeError, "as if one-hot"),
    "labels that are floats": (lambda: CE(reals(T, 3), np.array([0.0, 1.0, 2.0, 0.0])), rb.DtypeError, r"use target.astype\(np.int64\)"),
    "labels of one column": (lambda: CE(reals(T, 3), np.zeros((T, 1), int)), rb.ShapeError, r"give target\[\.\.\., 0\]"),
    "symbols as rows": (lambda: rb.Windows.next_symbol(np.zeros((9, 1), int), horizon=2, batch_size=1), rb.ShapeError, "one axis of integers"),
    "no axis": (lambda: rb.predict(rnn(), 3.0), rb.ShapeError, r"x needs axes \(T, B, ...\), found 3.0"),
    "a generator for Windows": (lambda: rb.Windows((k for k in range(3)), None, horizon=1, batch_size=1), TypeError, "where a stream is taken"),
}  # fmt: skip


@pytest.mark.parametrize("case", AXES)
def test_axes_and_labels_that_cannot_be_meant_name_the_cure(case: str) -> None:
    call, error, message = AXES[case]
    with pytest.raises(error, match=message):
        call()


def test_a_source_without_steps_names_the_axis() -> None:
    with pytest.raises(rb.ShapeError, match=r"x axis 0 \(T, the steps\) has size 0"):
        DOORS["a source of one's own"](np.zeros((0, B, F), np.float32))


@pytest.mark.parametrize("how", [list, lambda a: iter([a[:1], a[1:]]), lambda a: Frame(a)])
def test_a_source_may_give_what_bptt_takes(how: Callable[[np.ndarray], Any]) -> None:
    params = []
    for given in (lambda a: a, how):
        source, model = Given(reals(T, B, F)), rnn()
        source.batch = lambda *_, given=given: Batch(
            given(reals(T, B, F)), reals(T, B, F), None, fresh=True
        )  # type: ignore[method-assign]
        rb.fit(model, source, MSE, "sgd", learning_rate=0.1, epochs=1)
        params.append(model.params["weight_hh"])
    np.testing.assert_array_equal(*params)

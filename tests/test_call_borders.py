"""What people bring from other libraries.

Tensors as states, losses and callbacks of other kinds, paths of none.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbp import LSTM, RNN, Dense, Sequences, Sequential, ShapeError, Trainer, bptt, fit, predict
from rnnbp.losses import MeanSquaredError
from rnnbp.optim import SGD

LOSS = MeanSquaredError()
RNG = np.random.default_rng(0)
X, Y = (
    RNG.standard_normal((5, 3, 2)).astype(np.float32),
    RNG.standard_normal((5, 3, 1)).astype(np.float32),
)
H, C = (
    RNG.standard_normal((3, 4)).astype(np.float32),
    RNG.standard_normal((3, 4)).astype(np.float32),
)


class Tensor:
    """Stands for a tensor of another library in CPU memory."""

    def __init__(self, array: Any) -> None:
        self.array, self.dtype = array, f"tensor.{array.dtype}"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array


def lstm() -> Sequential:
    return Sequential(LSTM(2, 4, rng=0), Dense(4, 1, rng=1))


def data() -> Sequences:
    return Sequences(X, Y, batch_size=2)


@pytest.mark.parametrize(
    "state",
    [[(Tensor(H), Tensor(C))], (Tensor(H), Tensor(C)), [(H, Tensor(C))], [[H, C]]],
    ids=["tensors", "of the only layer", "mixed", "list"],
)
def test_states_may_be_tensors(state: Any) -> None:
    expected = bptt(lstm(), X, Y, LOSS, state=[(H, C)])
    found = bptt(lstm(), X, Y, LOSS, state=state)
    assert found.loss == expected.loss
    assert np.array_equal(predict(lstm(), X, state=state)[0], predict(lstm(), X, state=[(H, C)])[0])


@pytest.mark.parametrize(
    "state", [H, Tensor(H), [H], [(Tensor(H),)]], ids=["array", "tensor", "list", "pair"]
)
def test_a_single_state_may_be_a_tensor(state: Any) -> None:
    model = Sequential(RNN(2, 4, rng=0), Dense(4, 1, rng=1))
    assert bptt(model, X, Y, LOSS, state=state).loss == bptt(model, X, Y, LOSS, state=[(H,)]).loss


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (
            [(H[None], C[None])],
            ShapeError,
            r"state 0, h: .*found \(1, 3, 4\); its first axis is .*give array\[0\]",
        ),
        ([H], ShapeError, r"state 0 has 1 arrays; its cell has 2 states: h, c; give all"),
        ([({"h": H}, C)], TypeError, "state 0, h: expected an array of float32, found dict"),
        ([5], TypeError, "state 0 is a tuple with an array for each state of its cell, found int"),
        ([(H.astype(int), C)], TypeError, "state 0, h: expected an array of float32, found int64"),
        ([(np.ma.masked_less(H, 0), C)], TypeError, "state 0, h is a masked array"),
    ],
    ids=["PyTorch's axes", "h alone", "dict", "number", "integers", "masked"],
)
def test_states_that_do_not_fit(state: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        bptt(lstm(), X, Y, LOSS, state=state)


def one_argument(y: Any) -> Any:
    return float(y.sum()), np.ones_like(y)


def without_target(y: Any, target: Any) -> Any:
    return y - target


def test_an_error_in_a_loss_function_says_how_it_is_called() -> None:
    for loss, target in ((one_argument, Y), (without_target, None)):
        with pytest.raises(TypeError) as caught:
            bptt(lstm(), X, target, loss)  # type: ignore[arg-type]
        assert loss.__name__ in caught.value.__notes__[0]
        assert (
            "called as (y, target), which returns (value, dy), with read-only"
            in caught.value.__notes__[0]
        )


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"callbacks": print},
            TypeError,
            r"callbacks is a list of functions of an Event, found .*print",
        ),
        (
            {"callbacks": "abc"},
            TypeError,
            "callbacks is a list of functions of an Event, found 'abc'",
        ),
        (
            {"callbacks": [print, None]},
            TypeError,
            r"callbacks\[1\] must be a function of an Event, found None",
        ),
        (
            {"callbacks": [Tensor]},
            TypeError,
            r"callbacks\[0\] must be a function of an Event, found .*Tensor.*build it",
        ),
        (
            {"loss": "mse"},
            TypeError,
            "loss must be a Loss or a function .* found 'mse'; build it first",
        ),
        (
            {"loss": MeanSquaredError},
            TypeError,
            "loss must be a Loss or a function .*build it first",
        ),
        (
            {"folder": ""},
            ValueError,
            "Trainer: folder is '', which names nothing; .*'.' for the current one",
        ),
        (
            {"folder": 3},
            TypeError,
            "Trainer: folder must be a path, a str or pathlib.Path, found 3",
        ),
        (
            {"folder": b"runs"},
            TypeError,
            "Trainer: folder must be a path, a str or pathlib.Path, found b'runs'",
        ),
        ({"folder": "a\0b"}, ValueError, r"Trainer: folder is 'a\\x00b', which names nothing"),
        (
            {"learning_rate": lambda step: "fast"},
            TypeError,
            r"learning_rate\(0\) is 'fast'; a schedule returns a num",
        ),
        (
            {"learning_rate": lambda step: None},
            TypeError,
            r"learning_rate\(0\) is None; a schedule returns a number",
        ),
    ],
)
def test_arguments_of_a_trainer_are_refused_before_anything_changes(
    options: Any, error: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = lstm()
    before = model.params.copy()
    with pytest.raises(error, match=words):
        fit(
            model,
            data(),
            **{"loss": LOSS, "optimizer": "sgd", "learning_rate": 0.1, "steps": 1} | options,
        )
    assert model.params == before
    assert not list(tmp_path.iterdir())


def test_paths_to_resume_from_are_looked_at() -> None:
    model = lstm()
    trainer = Trainer(model, SGD(model), LOSS)
    for path, error, words in (
        (3, TypeError, "Trainer.resume: path must be"),
        ("", ValueError, "names nothing"),
    ):
        with pytest.raises(error, match=words):
            trainer.resume(path)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="File name too long"):
        trainer.resume("x" * 300)


def test_a_parameter_may_be_changed_by_an_augmented_assignment() -> None:
    model = lstm()
    before = model.params.copy()
    model.params["1.bias"] += 1
    for path in model.params:
        model.params[path] *= 2
    for path, array in model.params.items():
        assert np.array_equal(array, (before[path] + (path == "1.bias")) * 2)
    with pytest.raises(TypeError, match=r"params\['1.bias'\] cannot be replaced"):
        model.params["1.bias"] = before["1.bias"]


def test_parameters_are_compared_by_value() -> None:
    model, other = lstm(), lstm()
    assert model.params == other.params
    assert model.params == model.params.copy()
    assert dict(reversed(model.params.items())) == model.params
    other.params["1.bias"][...] += 1
    assert model.params != other.params
    assert model.params != {"1.bias": model.params["1.bias"]}
    assert model.params != 5


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([[1, 2], [3]], "params.update: '1.weight' has parts of inhomogeneous shape"),
        (np.ma.masked_less(np.ones((1, 4)), 0), "params.update: '1.weight' is a masked array"),
        ({1: 2}, "params.update: '1.weight' has dtype object; give real numbers"),
    ],
    ids=["ragged", "masked", "dict"],
)
def test_values_that_are_no_array_are_refused_by_name(value: Any, words: str) -> None:
    model = lstm()
    before = model.params.copy()
    with pytest.raises((TypeError, ValueError), match=words):
        model.params.update({"1.bias": [5], "1.weight": value})
    assert model.params == before


def test_mapped_parameters_say_how_they_can_be_trained(tmp_path: Path) -> None:
    model = Dense(2, 1, rng=0)
    np.save(tmp_path / "w.npy", np.ones((1, 2), np.float32))
    model.params["weight"] = np.load(tmp_path / "w.npy", mmap_mode="r")
    with pytest.raises(
        ValueError, match=r"'weight' is read-only; .*mapped file.*take copy.deepcopy\(model\)"
    ):
        SGD(model).step({"weight": np.ones((1, 2), np.float32), "bias": np.ones(1, np.float32)})
    trained = copy.deepcopy(model)
    SGD(trained, learning_rate=1.0).step(
        {"weight": np.ones((1, 2), np.float32), "bias": np.ones(1, np.float32)}
    )
    assert not trained.params["weight"].any()

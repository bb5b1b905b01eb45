"""What ``save`` and ``load`` refuse, and that nothing is built or half written then."""

from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import load_tensors, save_tensors
from rnnbp.train.given_weights import MODEL
from tests.disks import fails

pytestmark = pytest.mark.alike


def model() -> Any:
    rnn = rb.RNN(2, 1, rng=0, initial="learned")
    return rb.Sequential(rnn, rb.Scale(np.arange(1.0)), rb.Dropout(0.1), rb.Dense(1, 1, rng=1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a small model."""
    rb.save(model(), tmp_path / "model")
    return tmp_path / "model"


def edited(path: Path, change: Callable[[Any], object]) -> None:
    """Write the file anew with a change of its description, under a checksum that fits."""
    arrays, metadata = load_tensors(path)
    change(metadata[MODEL])
    save_tensors(path, arrays, metadata)


def part(about: Any, kind: str) -> Any:
    return next(each for each in about["parts"] if each.get("kind") == kind)


Change = Callable[[Any], object]
EDITS: dict[str, tuple[Change, str]] = {
    "newer": (
        lambda a: a.update(version=2),
        "of format 2, which a newer rnnbp wrote.*update rnnbp",
    ),
    "no version": (lambda a: a.pop("version"), "version is missing"),
    "unknown layer": (
        lambda a: part(a, "Dropout").update(kind="Vanish"),
        "of a kind that this rnnbp does not know, Vanish; update",
    ),
    "unknown option": (
        lambda a: part(a, "Dropout")["options"].update(p2=1),
        "part 7, Dropout: .*unknown option 'p2'",
    ),
    "a rate": (lambda a: part(a, "Dropout")["options"].update(p=2.0), "Dropout: p .*found 2.0"),
    "a huge layer": (
        lambda a: part(a, "Dense")["options"].update(n_out=10**12, n_in=10**6),
        r"there is no parameter of shape \(1000000000000, 1000000\)",
    ),
    "a huge state": (
        lambda a: part(a, "Cell")["inputs"][1].update(shape=[10**15]),
        "part 4, Cell: .* shape",
    ),
    "no bias": (
        lambda a: part(a, "Dense")["options"].update(bias=False),
        "it has other parameters than weight",
    ),
    "a parameter that is missing": (
        lambda a: part(a, "Dense")["params"].update(weight="0.nowhere"),
        "it lacks the parameters 0.nowhere",
    ),
    "a parameter that is not used": (
        lambda a: part(a, "Dense")["params"].update(weight="0.bias_hh"),
        "has no part with the parameters 0.weight_ih",
    ),
    "a constant as parameter": (
        lambda a: a.update(constants=[]),
        "has no part with the parameters rnnbp.constant.0",
    ),
    "a parameter as constant": (
        lambda a: a["constants"].append("3.bias"),
        "it lacks the parameters 3.bias",
    ),
    "no constants": (lambda a: a.pop("constants"), "constants is missing"),
    "a constant that is not there": (
        lambda a: part(a, "Scale")["options"].update(scale={"array": 7}),
        "part 6, Scale: an option is ",
    ),
    "a later part": (
        lambda a: part(a, "Sequential").update(blocks=[5, 6, 9]),
        "blocks must be a list of whole numbers from 0 to 8",
    ),
    "a cell in a chain": (
        lambda a: part(a, "Sequential").update(blocks=[4]),
        "a Cell is one step",
    ),
    "a chain in a cell": (
        lambda a: part(a, "Cell").update(nodes=[4, 1, 0]),
        "a node is of no block",
    ),
    "values of later nodes": (
        lambda a: part(a, "Cell").update(nodes=[0, 1, 5]),
        "a node has arguments that are not there",
    ),
    "half a node": (lambda a: part(a, "Cell").update(nodes=[0, 2, 0]), "that are not there"),
    "no outputs": (lambda a: part(a, "Cell").update(outputs=[]), "part 4, Cell: "),
    "no cell": (lambda a: part(a, "Recurrent").update(cell=0), "its cell is no Cell"),
    "other states": (
        lambda a: part(a, "Recurrent")["params"].update(initial_c="0.initial_h"),
        "its initial values are not those of the states",
    ),
    "no parts": (lambda a: a.update(parts=[]), "it has no parts"),
    "parts by name": (lambda a: a.update(parts={}), "its parts are no list"),
    "numbers as parts": (lambda a: a.update(parts=[1]), "part 0 is no dict"),
    "nothing but a cell's block": (
        lambda a: a["parts"].append({"kind": "Last"}),
        "its last part is no model",
    ),
    "ever deeper": (
        lambda a: part(a, "Dropout")["options"].update(p=[[[[[[[]]]]]]]),
        "Dropout: p must be a number",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_descriptions_that_describe_no_model(name: str, path: Path) -> None:
    change, says = EDITS[name]
    edited(path, change)
    tracemalloc.start()
    with pytest.raises(rb.StorageError, match=says):
        rb.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite(bad: float, path: Path) -> None:
    arrays, metadata = load_tensors(path)
    arrays["3.weight"][0, 0] = bad
    save_tensors(path, arrays, metadata)
    says = rf"load from .*: 3.weight has {bad} at \[0, 0\], and the parameters of models are finite"
    with pytest.raises(ValueError, match=says):
        rb.load(path)
    broken = model()
    broken[3].params["bias"][...] = bad
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"save to .*: 3.bias has .*; save_weights writes them"):
        rb.save(broken, path)
    assert path.read_bytes() == before


def test_parameters_of_another_dtype(path: Path) -> None:
    arrays, metadata = load_tensors(path)
    save_tensors(path, arrays | {"3.bias": np.arange(1)}, metadata)
    with pytest.raises(rb.StorageError, match=r"3.bias is int64, no parameter is"):
        rb.load(path)
    save_tensors(path, arrays | {"3.bias": np.zeros(2, "float32")}, metadata)
    with pytest.raises(rb.StorageError, match=r"there is no parameter of shape \(1,\)"):
        rb.load(path)


class Mine(rb.Sequential):
    """A class of a user's own."""


def test_what_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model"
    trainer = rb.Trainer(model(), "sgd", rb.losses.MeanSquaredError())
    for given, says in (
        (str(path), r"save takes \(model, path\), found .*for the model; the model comes first"),
        (model().params, "the model comes first"),
        (rb.Sequential, "the model comes first"),
        (trainer, "give its model"),
        (rb.Last(), r"found Last\(\) for the model"),
        (rb.Input(3), "the model comes first"),
    ):
        with pytest.raises(TypeError, match=says):
            rb.save(given, path)
    with pytest.raises(ValueError, match=r"of a class of your own, Mine; save one of Sequential"):
        rb.save(rb.Sequential(Mine(rb.Tanh())), path)
    last: Any = type("Newest", (rb.Last,), {})()
    with pytest.raises(
        ValueError, match=r"of a class of your own, Newest; save one of Last itself"
    ):
        rb.save(rb.Sequential(last), path)
    assert list(tmp_path.iterdir()) == []


def test_paths_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(rb.StorageError, match="is a folder; give the path of a file to write"):
        rb.save(model(), tmp_path)
    with pytest.raises(rb.StorageError, match=r"no folder .*nowhere; make it first"):
        rb.save(model(), tmp_path / "nowhere" / "model")
    for given in (3, None, b"model"):
        with pytest.raises(TypeError, match=r"save: path must be a path, a str or pathlib.Path"):
            rb.save(model(), given)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="load: path must be a path"):
            rb.load(given)  # type: ignore[arg-type]
    path = tmp_path / "model"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", fails(OSError(5, "an error of the disk")))
    with pytest.raises(rb.StorageError, match="is not written, what was there is unchanged"):
        rb.save(model(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert path.read_bytes() == b"before"


def test_a_parameter_that_came_later(tmp_path: Path) -> None:
    late = model()
    late[3].params["late"] = np.zeros(2, "float32")
    with pytest.raises(
        ValueError, match=r"Dense\(1, 1\) has a parameter 'late' that was not there"
    ):
        rb.save(late, tmp_path / "model")


def test_a_header_that_is_huge(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**40) + path.read_bytes()[8:])
    with pytest.raises(rb.StorageError, match="is cut short or damaged"):
        rb.load(path)


def test_parameters_that_share_memory(tmp_path: Path) -> None:
    """A file would untie them without a word."""
    encoder, decoder = rb.Dense(3, 4), rb.Dense(4, 3)
    decoder.params["weight"] = encoder.params["weight"].T
    with pytest.raises(ValueError, match=r"0.weight and 1.weight share memory .* not one array"):
        rb.save(rb.Sequential(encoder, decoder), tmp_path / "model")
    both = np.ones((2, 4), "float32")  # whose columns do not meet
    for k, gain in enumerate(gains := (rb.Gain(2), rb.Gain(2))):
        gain.params["weight"] = both[:, k]
    rb.save(rb.Sequential(*gains), tmp_path / "model")

"""Files that ``load`` refuses: of other formats, cut short, with any bit flipped; how much memory
saving and loading take."""

from __future__ import annotations

import gc
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import save_tensors
from tests.over_time_choice import quickly

pytestmark = pytest.mark.alike

CHECKED = "is damaged|is cut short|no model that rnnbp.save wrote|weights alone|is empty"


class Leaves:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Leaves(path.with_name("ran")), protocol=2))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Leaves(path.with_name("ran"))))


def of_onnx(path: Path) -> None:
    helper: Any = pytest.importorskip("onnx.helper")
    graph = helper.make_graph([], "empty", [], [])
    path.write_bytes(helper.make_model(graph).SerializeToString())


def of_safetensors(path: Path) -> None:
    numpy: Any = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"weight": np.ones(3, "float32")}, path)


OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pickle": (pickled, "it is a pickle, which rnnbp never reads"),
    "zip": (zipped, "it is a zip file, as of PyTorch, Keras or NumPy; .*from_torch|interchange"),
    "ONNX": (of_onnx, "it is an ONNX model, by its first byte"),
    "HDF5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500)), "an HDF5 file"),
    "npy": (lambda path: path.write_bytes(b"\x93NUMPY\x01" + bytes(500)), "it is a NumPy array"),
    "safetensors": (of_safetensors, "of a different library, or damaged: it has weights alone"),
    "text": (lambda path: path.write_text("a, b\n" * 99), "no model that rnnbp.save wrote, or is"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "folder": (lambda path: path.mkdir(), "is not a regular file"),
    "missing": (lambda path: None, "does not exist"),
    "pipe": (lambda path: os.mkfifo(path), "is not a regular file"),
    "weights": (
        lambda path: rb.save_weights(rb.Dense(2, 2), path),
        r"has weights alone, as save_weights .*load_weights\(model, path\)",
    ),
    "snapshot": (
        lambda path: save_tensors(path, {}, {"snapshot": {}}),
        r"is a snapshot of a training run; use Trainer.resume",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files(name: str, tmp_path: Path) -> None:
    write, says = OTHERS[name]
    write(tmp_path / "file")
    with pytest.raises(rb.StorageError, match=says):
        rb.load(tmp_path / "file")
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def smallest(tmp_path: Path) -> Path:
    """The file of a model of one parameter and one constant."""
    rb.save(rb.Sequential(rb.Scale(np.ones(1)), rb.Gain(1, name="g")), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    "step",
    [
        37,
        pytest.param(5, marks=pytest.mark.long),
        pytest.param(1, marks=[pytest.mark.long, pytest.mark.grid]),
    ],
)
def test_every_flipped_bit_is_refused(step: int, smallest: Path) -> None:
    good = smallest.read_bytes()
    for bit in range(0, 8 * len(good), step):
        broken = bytearray(good)
        broken[bit // 8] ^= 1 << bit % 8
        smallest.write_bytes(broken)
        with pytest.raises(rb.StorageError, match=CHECKED):
            rb.load(smallest)


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=[pytest.mark.long])])
def test_every_truncation_is_refused(step: int, smallest: Path) -> None:
    good = smallest.read_bytes()
    for data in (*(good[:size] for size in range(0, len(good), step)), good + b"\0"):
        smallest.write_bytes(data)
        with pytest.raises(rb.StorageError, match=CHECKED):
            rb.load(smallest)


def peak_of(call: Callable[[], object]) -> int:
    """The peak bytes of a call in addition to what there was before."""
    gc.collect()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


MODELS: dict[str, Callable[[], Any]] = {
    "large tensors": lambda: rb.Sequential(rb.LSTM(700, 700, rng=0), rb.Dense(700, 700, rng=1)),
    "one tensor": lambda: rb.Embedding(100_000, 60, rng=0),
    "many tensors": lambda: rb.Sequential(*[rb.Dense(180, 180, rng=k) for k in range(200)]),
    "turned tensors": lambda: turned(rb.Dense(2000, 1800, rng=0)),
}


def turned(layer: rb.Layer) -> rb.Layer:
    """The layer with a weight that lies in memory by columns."""
    layer.params["weight"] = np.asfortranarray(layer.params["weight"])
    return layer


@pytest.mark.parametrize("name", quickly(MODELS, "many tensors"))
def test_the_peak_of_saving_and_loading(name: str, tmp_path: Path) -> None:
    """With the model in memory at most 1.1 times its parameters, and the largest tensor."""
    model = MODELS[name]()
    sizes = [array.nbytes for array in model.params.values()]
    most, path = 1.1 * sum(sizes) + max(sizes), tmp_path / "model"
    rb.save(rb.Tanh(), path)  # what a first call imports and compiles
    assert sum(sizes) + peak_of(lambda: rb.save(model, path)) <= most
    assert peak_of(lambda: rb.load(path)) <= 1.1 * sum(sizes)

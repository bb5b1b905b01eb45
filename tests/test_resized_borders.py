"""No thread can take the memory of an array away while a run reads it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.losses.elementwise import Elementwise
from rnnbp.machine import installed
from tests.misfits import BATCH, SIZE, UNITS, data, every_backend, network

pytestmark = pytest.mark.long

Array = np.ndarray


@every_backend
def test_the_input_is_resized_by_the_loss(backend: str) -> None:
    x, y = data()

    def loss(found: Array, target: Array) -> tuple[float, Array]:
        x.resize((1, 1, 1), refcheck=False)
        return 0.0, found - target

    with pytest.raises(ValueError, match="cannot resize an array that references or is referenced"):
        rb.bptt(network(), x, y, loss, backend=backend, chunk=4)
    x.resize((1, 1, 1), refcheck=False)  # after it, it may


class Stashes(rb.Layer):
    """y = 2 x, of which it can resize what it gave."""

    def __init__(self) -> None:
        self.params, self.given = {}, list[Array]()

    def forward(self, x: Array) -> tuple[Any, Any]:
        self.given.append(x * 2)
        return self.given[-1], ()

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        return (dy * 2,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


@pytest.mark.skipif(not installed(), reason="no llvmlite")
@pytest.mark.parametrize("shape", [(1, 1, 1), (40, BATCH, SIZE)])
def test_a_layer_resizes_what_it_gave_to_a_kernel(shape: tuple[int, ...]) -> None:
    layer = Stashes()
    model = rb.Sequential(layer, rb.LSTM(SIZE, UNITS, rng=0), rb.Dense(UNITS, 2, rng=1))

    def loss(y: Array, target: Array) -> tuple[float, Array]:
        layer.given[-1].resize(shape, refcheck=False)
        return 0.0, y - target

    with pytest.raises(rb.ShapeError, match="x of a tape"):
        rb.bptt(model, *data(), loss, backend="llvm", chunk=4)


def test_no_array_of_a_run_can_be_resized_meanwhile() -> None:
    x, y = data()
    model, mask = network(), np.ones(y.shape[:2], np.float32)
    state = (tuple(np.zeros((BATCH, UNITS), np.float32) for _ in range(2)),)
    arrays = {"x": x, "target": y, "mask": mask, "h": state[0][0], "c": state[0][1], **model.params}
    refused = set[str]()

    class Tries(Elementwise):
        def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
            for name, array in arrays.items():
                with pytest.raises(ValueError, match="cannot resize"):
                    array.resize(1, refcheck=False)
                refused.add(name)
            return (y - target) ** 2, 2 * (y - target)

    rb.bptt(model, x, y, Tries(), mask=mask, state=state, chunk=4)
    assert refused == set(arrays)
    for name, array in arrays.items():
        array.resize(1, refcheck=False)
        assert array.shape == (1,), name


RACE = """
import sys, threading, time, numpy as np, rnnbp as rb
class Stash(rb.Layer):
    def __init__(self): self.params, self.given = {}, []
    def forward(self, x):
        self.given = [*self.given[-2:], x * 2]
        return self.given[-1], ()
    def backward_inputs(self, saved, dy): return (dy * 2,)
    def output_shapes(self, *shapes): return shapes
def attack():
    while not stop:
        for array in [x, y, *model.params.values(), *first.given, *second.given]:
            shape = array.shape
            try:
                array.resize((1,) * array.ndim, refcheck=False)
                tries.append(1)
                array.resize(shape, refcheck=False)
            except ValueError:
                tries.append(0)
        time.sleep(0.003)
rng, first, second, stop, tries = np.random.default_rng(0), Stash(), Stash(), False, []
model = rb.Sequential(first, rb.LSTM(64, 256, rng=0), second, rb.Dense(256, 8, rng=1))
x, y = rng.standard_normal((64, 8, 64), np.float32), rng.standard_normal((64, 8, 8), np.float32)
thread, end, done = threading.Thread(target=attack), time.monotonic() + 3, 0
thread.start()
while time.monotonic() < end:
    try:
        rb.bptt(model, x, y, rb.losses.MeanSquaredError(), backend=sys.argv[1], chunk=16)
        done += 1
    except rb.ShapeError:
        pass
stop = True
thread.join()
print(done > 0, tries.count(0) > 0, tries.count(1) > 0)
"""


@every_backend
def test_a_thread_resizes_whatever_it_reaches(backend: str) -> None:
    """In a process of its own, which died in every second try when arrays were only viewed."""
    given: Any = {"capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run([sys.executable, "-c", RACE, backend], **given)
    assert done.stdout == "True True True\n", (done.returncode, done.stderr[-2000:])

"""Machine code gets what it was compiled for, or an error names it: nothing is read past an end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine import installed
from tests.misfits import BATCH, SIZE, STEPS, UNITS, Array, data, every_backend, network

pytestmark = pytest.mark.long
MSE = rb.losses.MeanSquaredError()


class Lies(np.ndarray):
    """A small array that says that it is of the weight's shape."""

    shape = property(lambda _: (4 * UNITS, UNITS))  # type: ignore[assignment]  # on purpose


def gradients(model: Any, backend: str, **given: Any) -> rb.Gradients:
    return rb.bptt(model, *data(), MSE, backend=backend, chunk=4, **given)


def resized(model: rb.Sequential) -> None:
    model.params["0.weight_hh"].resize((4, 4), refcheck=False)


def put(change: Callable[[Array], Any]) -> Callable[[rb.Sequential], None]:
    """What puts another array in its place past the checks."""

    def past_the_checks(model: rb.Sequential) -> None:
        owner, key = model.slots["0.weight_hh"]
        dict.__setitem__(owner, key, change(owner[key]))

    return past_the_checks


WRONG: dict[str, tuple[Callable[[rb.Sequential], None], type[Exception], str]] = {
    "resized": (
        resized,
        rb.ShapeError,
        r"has shape \(4, 4\), its layer was built with \(160, 40\)",
    ),
    "larger": (
        put(lambda p: np.zeros((320, 80), p.dtype)),
        rb.ShapeError,
        r"has shape \(320, 80\)",
    ),
    "turned": (put(lambda p: p.T), rb.ShapeError, r"has shape \(40, 160\)"),
    "no axes": (put(lambda p: p[0, 0, ...]), rb.ShapeError, r"has shape \(\)"),
    "empty": (put(lambda p: p[:0]), rb.ShapeError, r"has shape \(0, 40\)"),
    "a lie": (put(lambda p: p[:1].copy().view(Lies)), rb.ShapeError, r"has shape \(1, 40\)"),
    "float16": (put(lambda p: p.astype(np.float16)), rb.DtypeError, "has dtype float16"),
    "swapped": (put(lambda p: p.astype(">f4")), rb.DtypeError, "has dtype >f4"),
    "a list": (put(lambda p: p.tolist()), TypeError, "must be an array, found list"),
    "masked": (
        put(lambda p: np.ma.masked_less(p, 0)),
        TypeError,
        "must be an array, found MaskedArray",
    ),
    "gone": (put(lambda p: None), TypeError, "is missing"),
}
every_wrong = pytest.mark.parametrize("case", WRONG)


@every_backend
@every_wrong
def test_a_parameter_that_is_not_as_it_was_built(case: str, backend: str) -> None:
    change, error, message = WRONG[case]
    model = network()
    gradients(model, backend)  # which leaves kernels and memory for the next run
    plan = rb.plan(
        model, MSE, steps=STEPS, batch=BATCH, budget="64 MB", x_shape=(SIZE,), backend=backend
    )
    change(model)
    for run in (
        lambda: gradients(model, backend),
        lambda: rb.bptt(model, *data(), MSE, checkpoint=plan),
    ):
        with pytest.raises(error, match=rf"^0\.weight_hh {message}"):
            run()
    with pytest.raises(error, match=rf"^0\.weight_hh {message}"):
        rb.predict(model, data()[0])


def test_a_parameter_is_resized_between_steps_of_training() -> None:
    x, y = (np.ascontiguousarray(a.swapaxes(0, 1)) for a in data())
    model = network()
    trainer = rb.Trainer(model, rb.optim.Adam(model), MSE)
    trainer.fit(rb.Sequences(x, y, batch_size=BATCH), steps=1)
    resized(model)
    with pytest.raises(
        rb.ShapeError, match=r"0\.weight_hh.* shape \(4, 4\)|'0\.weight_hh' had shape \(160, 40\)"
    ):
        trainer.fit(rb.Sequences(x, y, batch_size=BATCH), steps=1)


@pytest.mark.parametrize("rule", [rb.optim.Adam, rb.optim.AdamW, rb.optim.RMSProp, rb.optim.SGD])
def test_an_optimiser_of_a_parameter_that_was_resized(rule: Any) -> None:
    p = np.ones(3000, np.float32)
    optimiser = rule({"p": p}, learning_rate=0.1)
    p.resize(6000, refcheck=False)
    with pytest.raises(
        rb.ShapeError, match=r"parameter 'p' had shape \(3000,\) when .* found \(6000,\)"
    ):
        optimiser.step({"p": np.ones(6000, np.float32)})


LYING: dict[str, Callable[[Array], Array]] = {
    "at an odd address": lambda p: (
        np.frombuffer(b"0" + p.tobytes(), np.uint8)[1:].view(p.dtype).reshape(p.shape)
    ),
    "in Fortran's order": np.asfortranarray,
    "backwards": lambda p: np.flip(np.flip(p).copy()),
    "a subclass": lambda p: p.copy().view(type("Own", (np.ndarray,), {})),
}


@every_backend
@pytest.mark.parametrize("case", LYING)
def test_parameters_and_inputs_count_however_they_lie(case: str, backend: str) -> None:
    model, (x, y), expected = network(), data(), gradients(network(), "interpreter")
    for owner, key in model.slots.values():
        owner[key] = LYING[case](owner[key])
    found = rb.bptt(model, LYING[case](x), LYING[case](y), MSE, backend=backend, chunk=4)
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_a_mapped_file_is_cut_short(tmp_path: Path, backend: str) -> None:
    path, (_, y) = tmp_path / "x.bin", data()
    x = np.memmap(path, np.float32, "w+", shape=(STEPS, BATCH, SIZE))
    x.flush()

    def loss(found: Array, target: Array) -> tuple[float, Array]:
        with open(path, "r+b") as file:
            file.truncate(8)
        return 0.0, found - target

    for given in (x, x[:, :, ::-1]):
        with pytest.raises(
            rb.StorageError, match=r"x\.bin was cut short while it was mapped, to 8 bytes of 576"
        ):
            rb.bptt(network(), given, y, loss, backend=backend, chunk=4)


RACE = """
import sys, threading, time, numpy as np, rnnbp as rb
kind, backend = sys.argv[1:]
n, rng = 30, np.random.default_rng(0)
x = rng.integers(0, n, (32, 8)); y = x.copy()
embedding = rb.Embedding(n, 6, rng=0)
first = {"Embedding": embedding, "OneHot": rb.OneHot(n)}.get(kind, embedding)
rest = rb.Dense(first.n_out, 6, rng=1), rb.RNN(6, 8, rng=2), rb.Dense(8, n, rng=3)
model = rb.Sequential(first, *rest)
changed, stop = y if kind == "target" else x, threading.Event()
def write():
    k = 0
    while not stop.is_set():
        k = (k + 37) % changed.size
        changed.flat[k] = (-1) ** k * 2**40
        changed.flat[k] = 3
        time.sleep(1e-5)
thread = threading.Thread(target=write)
thread.start()
loss = rb.losses.CrossEntropy(class_weight=np.ones(n))
for _ in range(60):
    try:
        assert np.isfinite(rb.bptt(model, x, y, loss, backend=backend, chunk=8).loss)
    except (IndexError, ValueError):
        pass
stop.set()
thread.join()
print("lived")
"""


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("kind", ["Embedding", "OneHot", "target"])
def test_symbols_that_another_thread_changes(kind: str, backend: str) -> None:
    """Any exception that is ours, or the numbers of one of the contents; the process lives."""
    done = subprocess.run(
        [sys.executable, "-c", RACE, kind, backend], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "lived\n", done.stderr[-2000:]


@pytest.mark.skipif(not installed(), reason="no llvmlite")
def test_machine_code_looks_at_what_it_gets() -> None:
    from rnnbp.machine import arrays, symbols

    d = np.ones((4, 3), np.float32)
    for bad in ([0, 1, 2, 5], [0, -1, 2, 3], [2**40, 0, 0, 0]):
        with pytest.raises(IndexError, match=r"symbols must lie in \[0, 5\)"):
            symbols.scattered(d, np.array(bad), 5)
    with pytest.raises(rb.ShapeError, match=r"4 rows, found symbols of shape \(3,\)"):
        symbols.scattered(d, np.zeros(3, int), 5)
    p = np.ones(9, np.float32)
    with pytest.raises(rb.ShapeError, match=r"shapes \(9,\), \(9,\), \(8,\), \(9,\)"):
        arrays.adam([(p, p, p[:8], p)], [0.0] * 10)
    assert not arrays.takes(p[:8].view(type("Own", (np.ndarray,), {})))
    assert not arrays.takes(LYING["at an odd address"](p))


SMALL = """
import sys, threading, numpy as np, rnnbp as rb
x, y = np.ones((20, 4, 8), np.float32), np.zeros((20, 4, 2), np.float32)
loss = rb.losses.MeanSquaredError()
def run():
    model = rb.Sequential(rb.LSTM(8, 40, rng=0), rb.Dense(40, 2, rng=1))
    found = rb.bptt(model, x, y, loss, chunk=4, checkpoint="sqrt")
    rb.optim.Adam(model).step(found.grads)
    y2, _ = rb.predict(model, x)
    data = rb.Sequences(x.swapaxes(0, 1), y.swapaxes(0, 1), batch_size=2)
    rate = rb.optim.Constant(1e-3)
    trained = rb.fit(model, data, loss, "adam", learning_rate=rate, steps=2, progress=False)
    planned = rb.plan(model, loss, steps=200, batch=4, budget="5 MB").chosen.schedule is not None
    right = rb.check_grads(model, x[:3], y[:3], loss).worst < 1e-6
    results.append((found.loss, y2.sum(), trained.losses, planned, right))
results, size = [], int(sys.argv[1]) * 1024
threading.stack_size(size)
thread = threading.Thread(target=run)
thread.start()
thread.join()
assert threading.stack_size(0) == size, "it is as it was"
run()
print(results[0] == results[1], len(results))
"""


@pytest.mark.parametrize("kilobytes", [32])
def test_a_thread_with_a_small_stack(tmp_path: Path, kilobytes: int) -> None:
    """Nothing is compiled before, and the compiler takes more than 64 kB."""
    environment = os.environ | {"RNNBP_KERNEL_CACHE": str(tmp_path / "kernels")}
    given: Any = {"capture_output": True, "text": True, "timeout": 120, "env": environment}
    done = subprocess.run([sys.executable, "-c", SMALL, str(kilobytes)], **given)
    assert done.stdout == "True 2\n", (done.returncode, done.stderr[-2000:])


@pytest.mark.parametrize("steps", [2**62, 2**45])
def test_more_steps_than_addresses(steps: int) -> None:
    """By broadcasting, which takes no memory."""
    x = np.broadcast_to(np.uint8(1), (steps, 1))
    model = rb.Sequential(rb.Embedding(3, 4, rng=0), rb.RNN(4, 4, rng=1), rb.Dense(4, 3, rng=2))
    with pytest.raises(
        rb.ShapeError, match=rf"x has shape \({steps}, 1\), more elements than memory has addresses"
    ):
        rb.bptt(model, x, x, rb.losses.CrossEntropy(), checkpoint="sqrt")


@every_backend
def test_a_sequence_that_is_repeated_by_strides(backend: str) -> None:
    once, y = data()[0][:1], data()[1]
    x = np.broadcast_to(once, (STEPS, BATCH, SIZE))
    wanted, found = (rb.bptt(network(), a, y, MSE, backend=backend, chunk=4) for a in (x.copy(), x))
    assert found.loss == wanted.loss
    np.testing.assert_array_equal(found.grads["0.weight_hh"], wanted.grads["0.weight_hh"])
    np.testing.assert_array_equal(found.dx, wanted.dx)
    with pytest.raises(ValueError, match=r"x is nan at \[0, 0, 0\]"):
        rb.bptt(network(), np.broadcast_to(np.float32(np.nan), x.shape), y, MSE, backend=backend)


@every_backend
def test_a_parameter_is_replaced_by_the_loss(backend: str) -> None:
    """A run packs weights when it begins; the gradient is that of the parameter's place."""
    model, expected = network(), gradients(network(), backend)

    def loss(y: Array, target: Array) -> tuple[float, Array]:
        model.blocks[1].params["bias"] = np.zeros(2, np.float32)
        return 0.0, (2 / target.size) * (y - target)

    found = rb.bptt(model, *data(), loss, backend=backend, chunk=STEPS)
    np.testing.assert_allclose(found.grads["1.bias"], expected.grads["1.bias"], rtol=1e-4)

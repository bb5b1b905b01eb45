"""One step of an LSTM at a time: rb.Stepper, PyTorch's LSTMCell, and onnxruntime.

    python profiling/stepper.py                      # 64 and 256 units, B = 1; one thread, and the default threads
    python profiling/stepper.py --units 128 --batch 8 --rounds 9 --threads 1

Each contender computes the same steps from the same weights, in a process of its own, in alternation; a figure is the
median over rounds of the median over blocks of steps, a ratio that of ratios within rounds. PyTorch runs under
torch.inference_mode or no_grad, whichever is faster. onnxruntime runs a model of one LSTM and one step, whose state
goes in and out, with I/O binding: inputs and outputs are bound once to arrays that stay where they are, and the
outputs of a step are the inputs of the next, by two bindings that take turns. Default threads are each library's own.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from processes import dispatch, fresh, save, table

Array = np.ndarray
BLOCKS, CHECKED = 25, 20
"""Blocks of steps that are timed, and steps whose last output all contenders must agree in."""


def weights(n_in: int, units: int) -> list[Array]:
    """W (4 n, n_in), U (4 n, n) and both biases, by gates i, f, g, o."""
    rng, k = np.random.default_rng(0), units**-0.5
    shapes = [(4 * units, n_in), (4 * units, units), (4 * units,), (4 * units,)]
    return [rng.uniform(-k, k, shape).astype("float32") for shape in shapes]


def timed(step: Callable[[], Any], block: int) -> float:
    """Microseconds of a step, the median of blocks."""
    found = []
    for _ in range(BLOCKS):
        start = time.perf_counter()
        for _ in range(block):
            step()
        found.append((time.perf_counter() - start) / block)
    return 1e6 * median(found)


def result(steps: Callable[[], Array], step: Callable[[], Any], block: int) -> dict[str, Any]:
    """What a contender says: its last output after the first steps, and the time of one."""
    return {"y": steps().ravel()[:8].tolist(), "us": timed(step, block)}


def ours(n_in: int, units: int, batch: int, block: int, default: bool) -> dict[str, Any]:
    """rb.Stepper."""
    import rnnbp as rb

    model = rb.LSTM(n_in, units)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    model.params.update(dict(zip(names, weights(n_in, units), strict=True)))
    stepper, x = rb.Stepper(model, batch), inputs(n_in, batch)

    def steps() -> Array:
        for _ in range(CHECKED):
            y = stepper.step(x)
        return y.copy()

    return result(steps, lambda: stepper.step(x), block)


def inputs(n_in: int, batch: int) -> Array:
    """x (B, n_in) of every step."""
    return np.random.default_rng(1).normal(size=(batch, n_in)).astype("float32")


def of_torch(n_in: int, units: int, batch: int, block: int, default: bool) -> dict[str, Any]:
    """PyTorch's LSTMCell."""
    import torch

    cell, x = torch.nn.LSTMCell(n_in, units), torch.from_numpy(inputs(n_in, batch))
    for p, array in zip(cell.parameters(), weights(n_in, units), strict=True):
        p.data[...] = torch.from_numpy(array)
    found = []
    for mode in (torch.no_grad, torch.inference_mode):
        state = [torch.zeros(batch, units), torch.zeros(batch, units)]

        def step(state: list[Any] = state) -> None:
            state[:] = cell(x, tuple(state))

        def steps(state: list[Any] = state, step: Callable[[], None] = step) -> Array:
            for _ in range(CHECKED):
                step()
            return state[0].numpy().copy()

        with mode():
            found.append(result(steps, step, block))
    return min(found, key=lambda each: each["us"])


def of_onnx(n_in: int, units: int, batch: int, block: int, default: bool) -> dict[str, Any]:
    """onnxruntime, with I/O binding."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if not default:
        options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        onnx_model(n_in, units, batch), options, providers=["CPUExecutionProvider"]
    )
    x, state = inputs(n_in, batch)[None], (1, batch, units)
    held = [[np.zeros(state, "float32") for _ in range(2)] for _ in range(2)]
    values = [[onnxruntime.OrtValue.ortvalue_from_numpy(a) for a in pair] for pair in held]
    given, turns = onnxruntime.OrtValue.ortvalue_from_numpy(x), []
    for now, then in ((0, 1), (1, 0)):
        binding = session.io_binding()
        binding.bind_ortvalue_input("X", given)
        for name, which, of in (("h0", 0, now), ("c0", 1, now)):
            binding.bind_ortvalue_input(name, values[of][which])
        for name, which, of in (("h1", 0, then), ("c1", 1, then)):
            binding.bind_ortvalue_output(name, values[of][which])
        turns.append(binding)
    run, at = session.run_with_iobinding, [0]

    def step() -> None:
        run(turns[at[0]])
        at[0] = 1 - at[0]

    def steps() -> Array:
        for _ in range(CHECKED):
            step()
        return values[at[0]][0].numpy()

    return result(steps, step, block)


def onnx_model(n_in: int, units: int, batch: int) -> bytes:
    """A model of one LSTM and one step, whose gates are i, o, f, g."""
    import onnx
    from onnx import helper

    def turned(array: Array) -> Array:
        i, f, g, o = np.split(array, 4)
        return np.concatenate([i, o, f, g])

    w, u, b, d = map(turned, weights(n_in, units))
    held = {"W": w[None], "R": u[None], "B": np.concatenate([b, d])[None]}
    kind, state = onnx.TensorProto.FLOAT, (1, batch, units)
    node = helper.make_node(
        "LSTM", ["X", "W", "R", "B", "", "h0", "c0"], ["", "h1", "c1"], hidden_size=units
    )
    graph = helper.make_graph(
        [node],
        "step",
        [helper.make_tensor_value_info("X", kind, (1, batch, n_in))]
        + [helper.make_tensor_value_info(name, kind, state) for name in ("h0", "c0")],
        [helper.make_tensor_value_info(name, kind, state) for name in ("h1", "c1")],
        [onnx.numpy_helper.from_array(array, name) for name, array in held.items()],
    )
    opset = helper.make_opsetid("", 14)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    found: bytes = model.SerializeToString()
    return found


CONTENDERS = {"rnnbp": ours, "PyTorch": of_torch, "onnxruntime": of_onnx}


def compared(given: argparse.Namespace, units: int, n_in: int, threads: int) -> dict[str, Any]:
    """One shape: microseconds of each contender, and ratios to ours."""
    how = {"n_in": n_in, "units": units, "batch": given.batch, "block": given.block}
    rounds = []
    for _ in range(given.rounds):
        each = {
            name: fresh(name, threads=threads or os.cpu_count() or 1, default=not threads, **how)
            for name in given.contenders
        }
        for name, found in each.items():
            if not np.allclose(found["y"], each["rnnbp"]["y"], rtol=0, atol=1e-5):
                raise SystemExit(f"{name} computes other outputs than rnnbp: {each}")
        rounds.append({name: found["us"] for name, found in each.items()})
    times = {name: median(r[name] for r in rounds) for name in given.contenders}
    ratios = {
        name: median(r[name] / r["rnnbp"] for r in rounds)
        for name in given.contenders
        if name != "rnnbp"
    }
    shape = {"units": units, "n_in": n_in, "batch": given.batch, "threads": threads or "default"}
    return {**shape, **times, **{f"over {name}": ratio for name, ratio in ratios.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--units", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--n-in", type=int, nargs="+", help="by default 8, and as many as units")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--block", type=int, default=200, help="steps that are timed at once")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 0], help="0: the defaults")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--out", type=Path, default=Path("runs/stepper"))
    given = parser.parse_args()
    rows = []
    for threads in given.threads:
        for units in given.units:
            for n_in in given.n_in or [8, units]:
                rows.append(compared(given, units, n_in, threads))
    heads = list(rows[0])
    cells = [[f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    print(table(heads, cells))
    save(given.out, "stepper", rows)


if __name__ == "__main__":
    dispatch(main, CONTENDERS)

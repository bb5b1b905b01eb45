"""Random runs of a model: data, loss, mask, chunks, schedules, backends."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp import schedules
from rnnbp.compiler.passes import RULES
from rnnbp.rng import generator
from tests.generator.cells import SYMBOLS
from tests.generator.draws import Draw, sample
from tests.generator.models import ModelMaker

COMPILED = ("numpy", "llvm") if find_spec("llvmlite") else ("numpy",)


def half_square(y: Any, _: Any) -> Any:
    """A loss of outputs alone."""
    return (y**2).sum() / 2, y.copy()


half_square.spare = 0  # type: ignore[attr-defined]  # arrays of y's size apart from dy: y² is gone when dy is made


@dataclass
class Case:
    """A model and the arguments of ``bptt``."""

    model: Any
    x: np.ndarray
    target: Any
    loss: Any
    dtype: str
    options: dict[str, Any]
    """But for the schedule and the backend."""
    backends: list[rb.Backend]
    schedules: dict[str, Any]
    """Those that only replay, whose bits are those of "all"."""
    rebuilding: dict[str, Any] = field(default_factory=dict)
    """Those that rebuild tapes, which agree to rounding."""
    wild: bool = False
    """Whether its numbers overflow."""

    def run(self, backend: Any, checkpoint: Any = "all", loss: Any = None) -> Any:
        return rb.bptt(
            self.model,
            self.x,
            self.target,
            loss or self.loss,
            backend=backend,
            checkpoint=checkpoint,
            **self.options,
        )

    @property
    def chunks(self) -> int:
        return -(-len(self.x) // int(self.options["chunk"]))


def case_of(
    draw: Draw,
    *,
    large: bool = False,
    wild: bool = False,
    wide: bool = False,
    portable: bool = False,
) -> Case:
    """A random case.

    Args:
        large: so that its bytes are those of arrays. wild: so that its numbers overflow. wide: so that its cells are
            wider than a panel of the machine code's products.
    """
    dtype = "float64" if portable or draw.chance(0.7) else "float32"
    dtype = "float32" if wild else dtype  # float64 tells what overflows in between alone
    sizes = (8, 13, 24) if large else (33, 40, 67) if wide else (2, 3, 4)
    maker = ModelMaker(draw, sizes, dtype=dtype, portable=portable)
    model = maker.model()
    steps, batch = (
        (draw.integer(10, 40), draw.pick([33, 128, 300]))
        if large
        else (draw.integer(1, 12), draw.integer(1, 4))
    )
    data = generator(draw.integer(0, 10**6))
    shape: Any = () if maker.symbols else model.input_shapes[0]
    x = (
        data.integers(0, SYMBOLS, (steps, batch))
        if maker.symbols
        else data.normal(size=(steps, batch, *shape)).astype(dtype)
    )
    if wild:
        for array in model.params.values():
            array *= np.dtype(dtype).type(1e200 if dtype == "float64" else 1e30)
    out: Any = model.output_shapes(shape)[0]
    loss, target = _loss(draw, data, (steps, batch, *out), dtype, wild=wild)
    options = _options(draw, model, data, steps, batch, dtype) | {"seed": draw.integer(0, 99)}
    if loss is half_square:
        options.pop("mask", None)
    case = Case(model, x, target, loss, dtype, options, _backends(draw), {}, wild=wild)
    case.schedules, case.rebuilding = _schedules(draw, case.chunks)
    return case


def _loss(
    draw: Draw, data: Any, shape: tuple[int, ...], dtype: str, *, wild: bool
) -> tuple[Any, Any]:
    kind = draw.pick(["classes", "numbers"] if wild else ["classes", "numbers", "own"])
    if kind == "classes" and shape[-1] > 1:
        return rb.losses.CrossEntropy(), data.integers(0, shape[-1], shape[:-1])
    if kind == "own":
        return half_square, None
    return draw.pick([rb.losses.MeanSquaredError, rb.losses.Huber])(), data.normal(
        size=shape
    ).astype(dtype)


def _options(
    draw: Draw, model: Any, data: Any, steps: int, batch: int, dtype: str
) -> dict[str, Any]:
    chunk = draw.integer(1, steps)
    found: dict[str, Any] = {"chunk": chunk}
    if draw.chance(0.2):
        found["horizon"] = chunk * draw.integer(1, 3)
    if draw.chance(0.3):
        mask = data.random((steps, batch)) < 0.6
        mask[draw.integer(0, steps - 1), 0] = True
        found["mask"] = mask if draw.chance() else mask * data.random((steps, batch))
    if draw.chance(0.2):
        blocks = [node.block for node in model.nodes if isinstance(node.block, rb.Recurrent)]
        shapes = [block.cell.state_shapes for block in blocks]
        found["state"] = tuple(
            tuple(data.normal(size=(batch, *s)).astype(dtype) for s in several)
            if draw.chance(0.7)
            else None
            for several in shapes
        )
    if draw.chance(0.2):
        found["training"] = False
    return found


def _backends(draw: Draw) -> list[rb.Backend]:
    return [
        rb.Backend(name, without=sample(draw, RULES, 4) if draw.chance() else ())
        for name in COMPILED
    ]


def _schedules(draw: Draw, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
    few, disk = draw.integer(1, 3), draw.integer(1, 2)
    replaying = {
        "sqrt": "sqrt",
        f"EveryK {few}": schedules.EveryK(n, few),
        f"EveryK {few} on disk": schedules.EveryK(n, few, tier="disk"),
        f"Revolve {few}": schedules.Revolve(n, few),
        f"Multistage {few} {disk}": schedules.Multistage(n, few, disk),
        f"DiskRevolve {few}": schedules.DiskRevolve(n, few, 2.0, 1.0),
        f"Optimal {few}": schedules.Optimal(n, few + 3, 2),
        f"HSM {few}": schedules.HSM(n, few),
        f"ISM {few}": schedules.ISM(n, few),
        f"MSM {few}": schedules.MSM(n, few + 3, 2),
        f"Online {few}": schedules.Streamed(n, few),
    }
    names = {draw.pick(list(replaying)) for _ in range(2)}
    thin = {f"ThinTapes {few}": schedules.ThinTapes(n, few)} if draw.chance(0.4) else {}
    return {name: replaying[name] for name in sorted(names)}, thin

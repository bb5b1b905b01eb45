"""What must hold of every case: the interpreter's numbers, the same bits, and no trace left."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

import rnnbp as rb
from tests.generator.draws import Draw
from tests.generator.own import Alarm
from tests.generator.runs import Case

TOLERANCE = {"float64": 1e-9, "float32": 2e-3}
"""Of the largest gradient; cells draw functions whose rounding grows over the steps."""


class DiffersError(AssertionError):
    """Something that does not hold; ``kind`` in a word."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind


def check(case: Case, draw: Draw) -> None:
    """Raise DiffersError unless all holds."""
    before = np.geterr()
    wide = oracle(case)
    wanted = case.run("interpreter") if case.wild else wide
    for backend in case.backends:
        found = case.run(backend)
        if case.wild:
            same_kind(found, wanted, wide, f"{backend}")
        else:
            near(found, wanted, f"{backend}", case.dtype)
        _schedules(case, backend, found)
    if draw.chance(0.25):
        _interrupted(case, draw)
    if np.geterr() != before:
        raise DiffersError("geterr", f"{np.geterr()}, before {before}")


def oracle(case: Case) -> Any:
    """The interpreter's results in float64."""
    if case.dtype == "float64":
        return case.run("interpreter")
    state = case.options.get("state")
    given = (
        {}
        if state is None
        else {"state": tuple(s and tuple(a.astype("float64") for a in s) for s in state)}
    )
    x = case.x.astype("float64") if case.x.dtype.kind == "f" else case.x
    options = case.options | given
    wide = Case(case.model.astype("float64"), x, case.target, case.loss, "float64", options, [], {})
    return wide.run("interpreter")


def ends_in_probabilities(case: Case) -> bool:
    """True if the loss applies softmax to what a sigmoid or softmax has made; the library warns."""
    graph, number = case.model, case.model.outputs[0]
    while isinstance(case.loss, rb.losses.CrossEntropy):
        makers = [node for node in graph.nodes if number in node.outs]
        if not makers:
            break
        (node,) = makers
        if isinstance(node.block, rb.Recurrent):
            graph = node.block.cell
            number = graph.outputs[0]
        elif isinstance(node.block, rb.Identity):
            (number,) = node.args
        else:
            return isinstance(node.block, rb.Sigmoid | rb.Softmax)
    return False


def parts(found: Any) -> Iterator[tuple[str, Any]]:
    """The names and values of all that a run returns."""
    yield "loss", np.asarray(found.loss)
    yield from found.grads.items()
    yield "dx", found.dx
    for what, several in (("state", found.state), ("dstate", found.dstate)):
        for k, arrays in enumerate(several):
            yield from ((f"{what} {k} {j}", array) for j, array in enumerate(arrays))


def pairs(found: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    """Names and values of two runs; None is zero."""
    for (name, a), (_, b) in zip(parts(found), parts(wanted), strict=True):
        if a is not None or b is not None:
            yield name, np.zeros_like(b) if a is None else a, np.zeros_like(a) if b is None else b


def near(found: Any, wanted: Any, what: str, dtype: str) -> None:
    """Equal to rounding, by the largest number of all gradients."""
    scale = max((np.abs(b).max(initial=0) for _, _, b in pairs(found, wanted)), default=0)
    for name, a, b in pairs(found, wanted):
        error = np.abs(a - b).max(initial=0)
        if not error <= TOLERANCE[dtype] * max(1e-3, scale):
            raise DiffersError("numbers", f"{what}, {name}: off by {error:.3e} of {scale:.3e}")


def same_kind(found: Any, wanted: Any, wide: Any, what: str) -> None:
    """A loss that is finite where it should be: what overflows is not hidden, nor made up.

    Where float64 is within float32's range something overflows in between alone, which a product and sum that are
    rounded once may not do. Gradients may differ: of large numbers that cancel only the rounding is left.
    """
    a, b = found.loss, wanted.loss
    between = abs(wide.loss) <= float(np.finfo(np.float32).max)
    if np.isfinite(a) != np.isfinite(b) and not between:
        raise DiffersError("nan", f"{what}: loss {a}, expected {b}")


def same_bits(found: Any, wanted: Any, kind: str, what: str) -> None:
    for name, a, b in pairs(found, wanted):
        if not np.array_equal(a, b, equal_nan=True):
            raise DiffersError(kind, f"{what}: {name} has other bits, by {np.abs(a - b).max():.3e}")


def _schedules(case: Case, backend: rb.Backend, wanted: Any) -> None:
    for name, schedule in case.schedules.items():
        same_bits(case.run(backend, schedule), wanted, "bits", f"{backend}, {name}")
    if not case.wild:
        for name, schedule in case.rebuilding.items():
            near(case.run(backend, schedule), wanted, f"{backend}, {name}", case.dtype)


def _interrupted(case: Case, draw: Draw) -> None:
    """A run that is broken off, at a call of a layer or the loss or at any moment, changes nothing for the next."""
    backend = draw.pick(case.backends)
    wanted = case.run(backend)
    start = time.perf_counter()
    case.run(backend)
    taken = time.perf_counter() - start
    calls = draw.integer(1, 2 * case.chunks)
    breakers: list[Callable[[], None]] = [
        lambda: _by_loss(case, backend, calls),
        lambda: _by_layer(case, backend, calls),
    ]
    if hasattr(signal, "setitimer"):
        breakers.append(lambda: _by_timer(case, backend, taken * draw.integer(1, 100) / 100))
    draw.pick(breakers)()
    same_bits(case.run(backend), wanted, "interrupt", f"{backend}, after a run that was broken off")


def _by_loss(case: Case, backend: Any, calls: int) -> None:
    left = [calls]

    def loss(y: Any, _: Any) -> Any:
        left[0] -= 1
        if left[0] <= 0:
            raise KeyboardInterrupt
        return (y**2).sum(), np.ones_like(y)  # which is finite where y is not

    broken = Case(
        case.model,
        case.x,
        None,
        loss,
        case.dtype,
        {k: v for k, v in case.options.items() if k != "mask"},
        [],
        {},
    )
    with suppress(KeyboardInterrupt):
        broken.run(backend)


def _by_layer(case: Case, backend: Any, calls: int) -> None:
    Alarm.left = calls
    try:
        case.run(backend)
    except KeyboardInterrupt:
        pass
    finally:
        Alarm.left = None


def _by_timer(case: Case, backend: Any, seconds: float) -> None:
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-5))
            case.run(backend)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGALRM, before)

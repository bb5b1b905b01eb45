"""A cell explained: compiled, and read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from rnnbp.compiler.explanation import Explanation, Kept
from rnnbp.compiler.once import Once, Within, within
from rnnbp.compiler.opaque import saved_bytes
from rnnbp.compiler.passes import check_rules
from rnnbp.compiler.reading import Reading, leaf_names, packed_parts, saving
from rnnbp.compiler.rule_report import effects
from rnnbp.compiler.short_tapes import short_bytes
from rnnbp.compiler.step import StepCode, step_code
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.layout import Layout
from rnnbp.graph.recurrent import Recurrent
from rnnbp.numerics import Shape, ShapeError, check_x_shape, positive_int, shown
from rnnbp.support.nearest import hint
from rnnbp.ways.way import BUILT_IN

FIRST = ""
"""Stands for the name of the first input, where a shape is given without one."""


Asked: TypeAlias = tuple[Cell, tuple[Shape, ...], int, frozenset[str]]
"""A cell, feature shapes of its inputs, a batch, rules to leave out."""


def asked(
    cell: object,
    batch: int,
    x_shape: Shape | Mapping[str, Shape] | None,
    without: Iterable[str],
) -> Asked:
    """The arguments of ``explain``, checked."""
    given = x_shape if isinstance(x_shape, Mapping) else {FIRST: x_shape}
    for shape in given.values():
        check_x_shape("explain", shape)
    found, shapes = _cell_of(
        cell, {name: s if s is None else tuple(s) for name, s in given.items()}
    )
    return found, shapes, positive_int("explain: batch", batch), check_rules(without)


def layout_of(found: Cell, inner: Within, batch: int) -> Layout:
    """The layout of a cell as it is run."""
    return Layout(inner.recurrent.cell, inner.x_shapes, batch, found.dtype or np.dtype(np.float32))


def explained(
    found: Cell, shapes: tuple[Shape, ...], batch: int, off: frozenset[str] = frozenset()
) -> Explanation:
    """``explain`` of a cell for inputs of these feature shapes, without the rules ``off``."""
    inner = within(Recurrent(found), shapes)
    runs, layout = inner.recurrent.cell, layout_of(found, inner, batch)
    step = step_code(runs, layout.x_shapes, off)
    names = [name if name.isidentifier() else f"s{name}" for name in found.state_names]
    given = _input_names(found, names)
    first = Once(inner, given)
    read = Reading(step, layout, first.given, names)
    forward, backward, kept = tuple(read.forward()), tuple(read.backward()), tuple(read.kept())
    held = _step_bytes(step, layout)
    kinds = Counter(repr(n.block).partition("(")[0] for n in found.nodes)
    return Explanation(
        cell=found.name or "Cell",
        inputs=tuple(zip([*given, *names], [*shapes, *found.state_shapes], strict=True)),
        layers=tuple(kinds.most_common()),
        batch=batch,
        dtype=str(layout.dtype),
        rules=effects(runs, layout.shapes, step),
        forward=forward,
        kept=_all_kept(kept, held, batch),
        backward=backward,
        packed=tuple(packed_parts(read.notation, found, leaf_names(runs, first.given))),
        opaque=tuple(dict.fromkeys(repr(op.opaque.layer) for op in step.forward.opaque)),
        bytes_per_step=held,
        once=first.lines,
        short_bytes_per_step=short_bytes(step, layout),
    )


def _names(given: object) -> Sequence[str]:
    """The names of the inputs of a cell, or of a network."""
    if not isinstance(given, Graph):
        return ()
    return given.input_names[: given.n_inputs] if isinstance(given, Cell) else given.input_names


def _by_input(names: Sequence[str], shapes: Mapping[str, Shape | None]) -> list[Shape | None]:
    """The shapes of inputs with these names, None where there is none."""
    found: list[Shape | None] = [None] * max(1, len(names))
    for name, shape in shapes.items():
        if name != FIRST and name not in names:
            raise ValueError(
                f"explain: no input is called {shown(name)}{hint(name, names)}; x_shape has those "
                f"of {', '.join(map(repr, filter(None, names))) or 'the one input, as (n_in,)'}"
            )
        found[0 if name == FIRST else list(names).index(name)] = shape
    return found


def _step_bytes(step: StepCode, layout: Layout) -> int | None:
    """What one step more adds to a tape, None where a layer does not say what it saves."""
    saved = [saved_bytes(op, layout) for op in saving(step)]
    if None in [saved_bytes(op, layout) for op in step.forward.opaque]:
        return None
    rows = sum(buffer.rows for buffer in step.forward.storage.taped)
    states = layout.thin_bytes(2) - layout.thin_bytes(1)
    return layout.batch * (rows * layout.dtype.itemsize + sum(n or 0 for n in saved)) + states


def _all_kept(kept: tuple[Kept, ...], nbytes: int | None, batch: int) -> tuple[Kept, ...]:
    """With the rows that are kept because they lie between those that are needed."""
    rest = 0 if nbytes is None else nbytes // batch - sum(k.nbytes or 0 for k in kept)
    return (*kept, Kept("rows next to these", rest)) if rest else kept


def _input_names(cell: Cell, others: Sequence[str]) -> list[str]:
    """x of one input; of several, the names that they have, or x0, x1, ..."""
    if cell.n_inputs == 1:
        return ["x"]
    given = cell.input_names[: cell.n_inputs]
    taken = {"y", *others, *(f"x{k}" for k in range(len(given)))}
    return [n if n.isidentifier() and n not in taken else f"x{k}" for k, n in enumerate(given)]


def _cell_of(given: object, x_shapes: Mapping[str, Shape | None]) -> tuple[Cell, tuple[Shape, ...]]:
    """The cell, and the feature shapes of its inputs."""
    cell = given.cell if isinstance(given, Recurrent) else given
    found = _by_input(_names(cell), x_shapes)
    if isinstance(given, Graph) and not isinstance(given, Cell):
        nodes = [node for node in given.nodes if isinstance(node.block, Recurrent)]
        if len(nodes) != 1:
            listed = ", ".join(str(node.block) for node in nodes) or "none"
            raise ValueError(
                f"explain takes one cell at a time; found {listed} in the network: give one "
                "Recurrent"
            )
        (node,) = nodes
        shapes = given.value_shapes(*found)
        assert isinstance(node.block, Recurrent)
        cell, found = node.block.cell, [shapes[k] for k in node.args]
    if not isinstance(cell, Cell):
        name = getattr(given, "__name__", "")
        cure = f"; build one first: {name}(n_in, n)" if name in BUILT_IN.split() else ""
        raise TypeError(
            "explain takes a Recurrent, a Cell, or a network with one Recurrent, found "
            f"{shown(given)}{cure}"
        )
    shapes = [own if s is None else s for s, own in zip(found, cell.input_shapes, strict=False)]
    if None in shapes:
        several = "give each Input its size, or x_shape as {name: shape}"
        cure = "give x_shape, as (n_in,)" if cell.n_inputs == 1 else several
        raise ShapeError(f"explain: {cell} does not say the feature shape of its input; {cure}")
    cell.check_inputs([*shapes, *cell.state_shapes])
    return cell, tuple([shape for shape in shapes if shape is not None])

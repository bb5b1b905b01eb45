"""A cell explained: compiled, and read back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from rnnbp.compiler.code import Code
from rnnbp.compiler.explanation import Explanation, Kept, Packed
from rnnbp.compiler.listing import Line, Listing
from rnnbp.compiler.notation import Notation
from rnnbp.compiler.opaque import saved_bytes
from rnnbp.compiler.passes import check_rules
from rnnbp.compiler.rule_report import effects
from rnnbp.compiler.seams import number
from rnnbp.compiler.step import StepCode, step_code
from rnnbp.compiler.weights import Rows, Vector
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.layout import Layout
from rnnbp.graph.recurrent import Recurrent
from rnnbp.numerics import Shape, ShapeError, check_x_shape, positive_int, shown
from rnnbp.wording.arguments import takes


@takes()
def explain(
    cell: Any, *, batch: int = 1, x_shape: Shape | None = None, without: Iterable[str] = ()
) -> Explanation:
    """The code that the compiler makes for a cell, to read:
    ``print(rb.explain(rb.LSTM(64, 128)))``.

    It lists each rule and what it did, the operations forward and backward, what is kept for
    backward, and bytes and floating-point operations of a step. Cells that show the same program
    run the same code.

    Args:
        cell: a Recurrent, a Cell, or a network with one Recurrent.
        batch: B, for the sums.
        x_shape: feature shape of the input of ``cell``, () for symbols; None if the cell declares
            it.
        without: rules to leave out, by the names in the text.

    Returns:
        An ``Explanation``.

    Raises ShapeError for an unknown shape of x, TypeError for a model without a cell, ValueError
    for an unknown rule, or for several Recurrents.

    >>> import rnnbp as rb
    >>> found = rb.explain(rb.LSTM(64, 128))
    >>> found.dtype, found.opaque
    ('float32', ())
    """
    check_x_shape("explain", x_shape)
    found, shape = _cell_of(cell, None if x_shape is None else tuple(x_shape))
    off, batch = check_rules(without), positive_int("explain: batch", batch)
    layout = Layout(found, shape, batch, found.dtype or np.dtype(np.float32))
    step = step_code(found, shape, off)
    read = Reading(
        step, layout, [name if name.isidentifier() else f"s{name}" for name in found.state_names]
    )
    forward, backward, kept = tuple(read.forward()), tuple(read.backward()), tuple(read.kept())
    held = _step_bytes(step, layout)
    kinds = Counter(type(node.block).__name__ for node in found.nodes)
    return Explanation(
        cell=found.name or "Cell",
        inputs=(("x", shape), *zip(read.states, found.state_shapes, strict=True)),
        layers=tuple(kinds.most_common()),
        batch=batch,
        dtype=str(layout.dtype),
        rules=effects(found, layout.shapes, step),
        forward=forward,
        kept=_all_kept(kept, held, batch),
        backward=backward,
        packed=tuple(_packed(read.notation, found)),
        opaque=tuple(dict.fromkeys(repr(op.opaque.layer) for op in step.forward.opaque)),
        bytes_per_step=held,
    )


class Reading:
    """Reads a compiled cell; forward first, which names values that backward takes."""

    def __init__(self, step: StepCode, layout: Layout, states: list[str]) -> None:
        self.step, self.layout = step, layout
        self.code, back = step.forward.code, step.backward
        self.states = {name: f"{name}′" for name in states}
        names = dict(zip(self.code.inputs, ["x", *states], strict=True))
        names |= dict(
            zip(back.code.inputs, ["dy", *(f"d{new}" for new in self.states.values())], strict=True)
        )
        _name(self.code, ["y", *self.states.values()], names)
        _name(back.code, ["dx", *(f"d{name}" for name in states)], names)
        self.notation = Notation(self.code.values, names, (self.code, back.code))

    def forward(self) -> list[Line]:
        """The lines of a step forward."""
        code, back, forward = self.code, self.step.backward.code, self.step.forward
        taken = {v for op in back.ops for v in op.args if v not in back.made}
        advance = {id(op) for op in code.live(code.outputs[1:]).ops}
        found = Listing(
            code, forward.phases, self.notation, [*self.step.codes.kept, *taken], advance
        )
        y, *after = code.outputs
        for name, v in zip(self.states.values(), after, strict=True):
            self._copy(found, "step", name, v)
        self._copy(found, "after", "y", y)
        return found.lines

    def backward(self) -> list[Line]:
        """The lines of a step backward."""
        back, code = self.step.backward, self.step.backward.code
        found = Listing(code, back.phases, self.notation, ())
        dx, *before = code.outputs
        for name, state, v in zip(self.states, self.code.inputs[1:], before, strict=True):
            self._copy(found, "step", f"d{name}", v, rows=self.code.values.rows(state))
        if back.dx_weights is not None and back.dx_from is not None:
            rows = self.code.values.rows(self.code.inputs[0])
            found.chunk_product("dx", back.dx_weights, back.dx_from, rows)
        elif dx is not None:
            self._copy(found, "after", "dx", dx)
        for op in back.opaque:
            if op.opaque.layer.params:
                found.read_off(op.opaque.layer)
        return found.lines

    def kept(self) -> Iterator[Kept]:
        """The states, the values that the tape holds as well, and what layers save that run
        themselves.
        """
        item, values = self.layout.dtype.itemsize, self.code.values
        for v in (*self.code.inputs[1:], *self.step.codes.kept):
            yield Kept(self.notation[v], item * values.rows(v))
        for op in self.step.forward.opaque:
            yield Kept(repr(op.opaque.layer), saved_bytes(op, self.layout))

    def _copy(self, found: Listing, when: str, name: str, v: int | None, rows: int = 0) -> None:
        if v is None or self.notation[v] != name:
            found.copy(when, name, v, rows if v is None else self.code.values.rows(v))


def _name(code: Code, names: list[str], found: dict[int, str]) -> None:
    """Name what comes out; of two names of a value, that of the state."""
    for v, name in zip((*code.outputs[1:], code.outputs[0]), (*names[1:], names[0]), strict=True):
        if v is not None and v in code.made and code.made[v].name not in ("part", "same"):
            found.setdefault(v, name)


def _step_bytes(step: StepCode, layout: Layout) -> int | None:
    """What one step more adds to a tape, None where a layer does not say what it saves."""
    read = {op.forward.opaque.node.number for op in step.backward.opaque}
    saved = [saved_bytes(op, layout) for op in step.forward.opaque if op.opaque.node.number in read]
    if None in [saved_bytes(op, layout) for op in step.forward.opaque]:
        return None
    rows = sum(buffer.rows for buffer in step.forward.storage.taped)
    states = layout.thin_bytes(2) - layout.thin_bytes(1)
    return layout.batch * (rows * layout.dtype.itemsize + sum(n or 0 for n in saved)) + states


def _all_kept(kept: tuple[Kept, ...], nbytes: int | None, batch: int) -> tuple[Kept, ...]:
    """With the rows that are kept because they lie between those that are needed."""
    rest = 0 if nbytes is None else nbytes // batch - sum(k.nbytes or 0 for k in kept)
    return (*kept, Kept("rows next to these", rest)) if rest else kept


def _packed(notation: Notation, cell: Cell) -> Iterator[Packed]:
    names = {id(owner[key]): name for name, (owner, key) in cell.slots.items()}

    def part(rows: Rows) -> str:
        array = rows.owner[rows.key]
        cut = "" if rows.count == len(array) else f"[{rows.start}:{rows.stop}]"
        factor = {1.0: "", -1.0: "−"}.get(rows.factor, f"{number(rows.factor)}·")
        return f"{factor}{names[id(array)]}{cut}"

    for name, value in notation.weights.items():
        if isinstance(value, Vector):
            yield Packed(
                name,
                (value.count,),
                tuple(
                    " + ".join(map(part, rows)).replace("+ −", "− ") or "0"
                    for _, rows in value.lanes
                ),
            )
        else:
            first = value.lanes[0]
            shape = (
                sum(lane.count for lane in value.lanes),
                math.prod(first.owner[first.key].shape[1:]),
            )
            yield Packed(name, shape, tuple(map(part, value.lanes)))


def _cell_of(given: Any, x_shape: Shape | None) -> tuple[Cell, Shape]:
    """The cell, and the feature shape of its input."""
    cell, found = given.cell if isinstance(given, Recurrent) else given, x_shape
    if isinstance(given, Graph) and not isinstance(given, Cell):
        nodes = [node for node in given.nodes if isinstance(node.block, Recurrent)]
        if len(nodes) != 1:
            listed = ", ".join(str(node.block) for node in nodes) or "none"
            raise ValueError(
                f"explain takes one cell at a time; found {listed} in the network: give one "
                "Recurrent"
            )
        (node,) = nodes
        shapes = given.value_shapes(
            *(x_shape if k == 0 else None for k in range(len(given.input_shapes)))
        )
        assert isinstance(node.block, Recurrent)
        cell, found = node.block.cell, shapes[node.args[0]]
    if not isinstance(cell, Cell):
        raise TypeError(
            "explain takes a Recurrent, a Cell, or a network with one Recurrent, found "
            f"{shown(given)}"
        )
    shape = cell.input_shapes[0] if found is None else found
    if shape is None:
        raise ShapeError(
            f"explain: {cell} does not say the feature shape of its input; give x_shape, as (n_in,)"
        )
    cell.check_inputs([shape, *cell.state_shapes])
    return cell, shape

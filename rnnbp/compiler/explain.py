"""A cell explained: compiled, and read back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from rnnbp.compiler.backward import Backward
from rnnbp.compiler.code import Code, Op, Rows, Vector
from rnnbp.compiler.compile import check_rules
from rnnbp.compiler.explanation import Explanation, Kept, Packed
from rnnbp.compiler.listing import Line, Listing
from rnnbp.compiler.notation import Notation, number
from rnnbp.compiler.rule_report import effects
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.layout import Layout
from rnnbp.graph.recurrent import Recurrent
from rnnbp.numerics import Shape, ShapeError, check_x_shape, positive_int, shown
from rnnbp.runners.numpy.program import compiled, sizes_of
from rnnbp.runners.numpy.sizes import ProgramSizes
from rnnbp.wording.arguments import takes


@takes()
def explain(cell: Any, *, batch: int = 1, x_shape: Shape | None = None, without: Iterable[str] = ()) -> Explanation:
    """What the compiler makes of a cell, to be read: ``print(rb.explain(rb.LSTM(64, 128)))``.

    It names each rule and what it did, the operations forward and backward, what is kept for backward, and bytes and
    floating-point operations of a step. Cells that show the same program run the same code.

    Args:
        cell: a Recurrent, a Cell, or a network with one Recurrent.
        batch: B, for the sums.
        x_shape: feature shape of the input of ``cell``, () for symbols; None where it says it.
        without: rules to leave out, by the names that the text gives.

    Raises ShapeError where the shape of x is not known, TypeError for what has no cell, ValueError for a rule that is
    not known, or for several Recurrents.
    """
    check_x_shape("explain", x_shape)
    found, shape = _cell_of(cell, None if x_shape is None else tuple(x_shape))
    off, batch = check_rules(without), positive_int("explain: batch", batch)
    layout = Layout(found, shape, batch, found.dtype or np.dtype(np.float32))
    back = compiled(found, shape, off)
    read = Reading(back, layout, [name if name.isidentifier() else f"s{name}" for name in found.state_names])
    forward, backward, kept = tuple(read.forward()), tuple(read.backward()), tuple(read.kept())
    held = _step_bytes(sizes_of(layout, off), kept)
    kinds = Counter(type(node.block).__name__ for node in found.nodes)
    return Explanation(
        cell=found.name or "Cell",
        inputs=(("x", shape), *zip(read.states, found.state_shapes, strict=True)),
        layers=tuple(kinds.most_common()),
        batch=batch,
        dtype=str(layout.dtype),
        rules=effects(found, layout.shapes, back),
        forward=forward,
        kept=_all_kept(kept, held, batch),
        backward=backward,
        packed=tuple(_packed(read.notation, found)),
        opaque=tuple(dict.fromkeys(repr(op.attr.layer) for op in opaque(read.code))),
        bytes_per_step=held,
    )


class Reading:
    """Reads a compiled cell; forward first, which names values that backward takes."""

    def __init__(self, back: Backward, layout: Layout, states: list[str]) -> None:
        self.code, self.back, self.layout = back.cell.codes.forward, back, layout
        self.states = {name: f"{name}′" for name in states}
        names = dict(zip(self.code.inputs, ["x", *states], strict=True))
        names |= dict(zip(back.code.inputs, ["dy", *(f"d{new}" for new in self.states.values())], strict=True))
        _name(self.code, ["y", *self.states.values()], names)
        _name(back.code, ["dx", *(f"d{name}" for name in states)], names)
        self.notation = Notation(self.code.values, names, (self.code, back.code))

    def forward(self) -> list[Line]:
        """The lines of a step forward."""
        code, back, cell = self.code, self.back.code, self.back.cell
        taken = {v for op in back.ops for v in op.args if v not in back.made}
        advance = {id(op) for op in code.live(code.outputs[1:]).ops}
        found = Listing(code, cell.phases, self.notation, [*cell.codes.kept, *taken], advance)
        y, *after = code.outputs
        for name, v in zip(self.states.values(), after, strict=True):
            self._copy(found, "step", name, v)
        self._copy(found, "after", "y", y)
        return found.lines

    def backward(self) -> list[Line]:
        """The lines of a step backward."""
        code = self.back.code
        found = Listing(code, self.back.phases, self.notation, ())
        dx, *before = code.outputs
        for name, state, v in zip(self.states, self.code.inputs[1:], before, strict=True):
            self._copy(found, "step", f"d{name}", v, rows=self.code.values.rows(state))
        if self.back.dx_weights is not None and self.back.dx_from is not None:
            rows = self.code.values.rows(self.code.inputs[0])
            found.chunk_product("dx", self.back.dx_weights, self.back.dx_from, rows)
        elif dx is not None:
            self._copy(found, "after", "dx", dx)
        for op in (op.attr[0] for op in code.ops if op.name == "opaque_back"):
            if op.attr.layer.params:
                found.read_off(op.attr.layer)
        return found.lines

    def kept(self) -> Iterator[Kept]:
        """The states, the values that the tape holds as well, and what layers save that run themselves."""
        item, values = self.layout.dtype.itemsize, self.code.values
        for v in (*self.code.inputs[1:], *self.back.cell.codes.kept):
            yield Kept(self.notation[v], item * values.rows(v))
        for op in opaque(self.code):
            yield Kept(repr(op.attr.layer), _saved(op, self.layout))

    def _copy(self, found: Listing, when: str, name: str, v: int | None, rows: int = 0) -> None:
        if v is None or self.notation[v] != name:
            found.copy(when, name, v, rows if v is None else self.code.values.rows(v))


def opaque(code: Code) -> list[Op]:
    """The layers that run themselves."""
    return [op for op in code.ops if op.name == "opaque"]


def _name(code: Code, names: list[str], found: dict[int, str]) -> None:
    """Name what comes out; of two names of a value, that of the state."""
    for v, name in zip((*code.outputs[1:], code.outputs[0]), (*names[1:], names[0]), strict=True):
        if v is not None and v in code.made and code.made[v].name not in ("part", "same"):
            found.setdefault(v, name)


def _saved(op: Op, layout: Layout) -> int | None:
    """Bytes that a layer saves of a step of one sequence, None where it does not say."""
    node, keeps = op.attr.node, op.attr.layer.keeps(*op.attr.shapes)
    if keeps is None:
        return None
    values = [node.args[k] for k in keeps.inputs] + [node.outs[k] for k in keeps.outputs]
    shapes = [(layout.shapes[v], layout.dtype) for v in values] + [(s, d or layout.dtype) for s, d in keeps.extras]
    total: int = sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in shapes)
    return total


def _step_bytes(sizes: ProgramSizes, kept: Sequence[Kept]) -> int | None:
    """What one step more adds to a tape."""
    return None if any(k.nbytes is None for k in kept) else sizes.tape_bytes(2) - sizes.tape_bytes(1)


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
                tuple(" + ".join(map(part, rows)).replace("+ −", "− ") or "0" for _, rows in value.lanes),
            )
        else:
            first = value.lanes[0]
            shape = sum(lane.count for lane in value.lanes), math.prod(first.owner[first.key].shape[1:])
            yield Packed(name, shape, tuple(map(part, value.lanes)))


def _cell_of(given: Any, x_shape: Shape | None) -> tuple[Cell, Shape]:
    """The cell, and the feature shape of its input."""
    cell, found = given.cell if isinstance(given, Recurrent) else given, x_shape
    if isinstance(given, Graph) and not isinstance(given, Cell):
        nodes = [node for node in given.nodes if isinstance(node.block, Recurrent)]
        if len(nodes) != 1:
            listed = ", ".join(str(node.block) for node in nodes) or "none"
            raise ValueError(f"explain takes one cell at a time; found {listed} in the network: give one Recurrent")
        (node,) = nodes
        shapes = given.value_shapes(*(x_shape if k == 0 else None for k in range(len(given.input_shapes))))
        assert isinstance(node.block, Recurrent)
        cell, found = node.block.cell, shapes[node.args[0]]
    if not isinstance(cell, Cell):
        raise TypeError(f"explain takes a Recurrent, a Cell, or a network with one Recurrent, found {shown(given)}")
    shape = cell.input_shapes[0] if found is None else found
    if shape is None:
        raise ShapeError(f"explain: {cell} does not say the feature shape of its input; give x_shape, as (n_in,)")
    cell.check_inputs([shape, *cell.state_shapes])
    return cell, shape

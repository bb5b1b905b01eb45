"""Recurrent: a cell unrolled over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from rnnbp.graph import memories
from rnnbp.graph.cell import Cell
from rnnbp.graph.initial_values import StateValues, states_of
from rnnbp.graph.network import Network
from rnnbp.graph.timed import Timed
from rnnbp.graph.unrolled import Unrolled
from rnnbp.graph.values import PERS, Outputs, Per, Value
from rnnbp.layers.dropout import Dropout
from rnnbp.layers.params import LayerParams
from rnnbp.layers.rectifiers import ReLU
from rnnbp.layers.symbolic import refuse_list
from rnnbp.layers.zoneout import Zoneout
from rnnbp.naming import checked_name, in_full, with_name, with_options
from rnnbp.numerics import (
    Array,
    Dtype,
    DtypeError,
    Shape,
    ShapeError,
    flag,
    float_dtype,
    mismatch,
    shown,
)
from rnnbp.support.nearest import hint
from rnnbp.ways.way import BUILT_IN
from rnnbp.wording.arguments import method_takes
from rnnbp.wording.calls import OF_RECURRENTS


class Recurrent(Network, Timed):
    """A cell unrolled over time.

    Args:
        cell: the step.
        initial: "zeros", or "learned": the initial state is then a parameter ``initial_<state>``,
            of the state's shape, initially zero, the same for every sequence of the batch.
        dtype: of that parameter, "float32" or "float64"; None for that of the cell's parameters, or
            float32 if it has none.
        name: the first part of its parameters' paths in a network, ``<name>.weight_ih``, instead of
            its position there.
        reverse: True to run from the last step of each sequence to its first; y has the order of
            x, and the final state is that of the first step.

    Shapes: x (T, B, ...) → y (T, B, ...); of a cell of several inputs it is called on a value for
    each. In a network its state is a tuple of arrays (B, ...), one for each State of the cell.

    Called on values, ``rnn(x, state=s)`` begins with s, a static value, of a cell of several states
    a tuple with one for each (None for the initial value that it has without); ``y, s = rnn(x,
    return_state=True)`` returns the final state too, in the same form. Gradients flow through both.

    Raises DtypeError for a dtype that the cell's parameters do not have.

    >>> import numpy as np, rnnbp as rb
    >>> x, total = rb.Input(2), rb.State(2, "total")
    >>> sums = rb.Recurrent(rb.Cell(x, {total: total + x}, output=total + x))
    >>> rb.predict(sums, np.ones((5, 1, 2), "float32"))[0][:, 0, 0].tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """

    n_outputs = 1
    reverse: bool = False
    out_pers: ClassVar[tuple[Per, ...]] = ("step",)

    def __init__(
        self,
        cell: Cell,
        *,
        initial: str = "zeros",
        dtype: npt.DTypeLike | None = None,
        name: str | None = None,
        reverse: bool = False,
    ) -> None:
        if name is not None:
            self.name = checked_name("Recurrent", name)
        self.reverse = flag("Recurrent: reverse", reverse)
        if not isinstance(cell, Cell):
            raise TypeError(
                f"Recurrent takes a Cell, found {type(cell).__name__}; as in Recurrent(Cell(x, "
                f"{{h: h_new}}, h_new))"
            )
        _check_initial(initial)
        self.cell, self.layers = cell, cell.layers
        self.initial: dict[str, Array] = LayerParams()
        own = None if dtype is None else float_dtype(dtype)
        if own is not None and cell.dtype not in (None, own):
            raise DtypeError(
                f"{self}: dtype is {own}, that of the cell's parameters {cell.dtype}; leave it out"
            )
        if initial == "learned":
            self.initial = self._learned(own or cell.dtype or np.dtype(np.float32))
        self.slots = cell.slots | {key: (self.initial, key) for key in self.initial}

    def _learned(self, dtype: Dtype) -> LayerParams:
        """The parameters of a learned initial state. Raises ValueError for a name that is taken."""
        named = zip(self.cell.state_names, self.cell.state_shapes, strict=True)
        found = {f"initial_{name}": np.zeros(shape, dtype) for name, shape in named}
        for key in found:
            if key in self.cell.slots:
                raise ValueError(
                    f"{self}: a parameter of the cell is called {key!r}, as the learned initial "
                    "state; rename it"
                )
        return LayerParams(found)

    @property
    def in_pers(self) -> tuple[Per, ...]:
        return self.cell.pers[: self.cell.n_inputs]

    @method_takes("a recurrent layer called on values", OF_RECURRENTS)
    def __call__(
        self, *inputs: Value, state: StateValues = None, return_state: bool = False
    ) -> Outputs:
        """A node of the graph that ``inputs`` belong to.

        Args:
            inputs: one value for each input of the cell.
            state: the initial state, a static value or a tuple; None for zeros, or what is learned.
            return_state: True for (y, the final state) instead of y alone.
        """
        for value in inputs:
            if not isinstance(value, Value):
                refuse_list(self, inputs)
                what = "a symbolic value" if self.cell.n_inputs == 1 else "symbolic values"
                raise TypeError(
                    f"{self} is called on {what}, found {type(value).__name__}; for arrays use "
                    "predict"
                )
        self.check_args(inputs)
        states = states_of(self, state)
        returned = flag(f"{self}: return_state", return_state)
        if not (returned or any(states)):
            return inputs[0].apply_layer(self, inputs)
        block = Unrolled(self, tuple([each is not None for each in states]), returned)
        taken = [each for each in states if each is not None]
        made = inputs[0].apply_layer(block, [*inputs, *taken])
        if not returned:
            return made
        y, *final = made
        return y, final[0] if len(final) == 1 else tuple(final)

    def check_args(self, inputs: Sequence[Value]) -> None:
        """Raise unless there is a value for each input, and where it is static a static one."""
        expected = self.cell.pers[: self.cell.n_inputs]
        if len(inputs) != len(expected):
            names = [name for name in self.cell.input_names[: len(expected)] if name]
            listed = f", {', '.join(names)}" if len(names) == len(expected) > 1 else ""
            raise TypeError(
                f"{self} takes {len(expected)} input{'s' * (len(expected) > 1)}{listed}, found "
                f"{len(inputs)}; {_count_cure(len(expected), inputs)}"
            )
        if all(value.per != "step" for value in inputs):
            raise ValueError(
                f"{self}: no input has a value at each step, and nothing says how many steps there "
                "are; give it an Input(...) per step"
            )
        for k, (value, per) in enumerate(zip(inputs, expected, strict=True)):
            if PERS.index(value.per) < PERS.index(per):
                name = self.cell.input_names[k] or k
                raise ValueError(
                    f"{self}: input {name} is static (per='sequence'), found {value!r}, which has "
                    "a value at each step; for all its steps as a memory give WholeSeries()(...), "
                    "for one value of it Last()(...) or the like, or make that of the cell an "
                    "Input per step"
                )
        memories.check_values(self, inputs)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        """The feature shape of y. Raises ShapeError, naming the layer that does not fit."""
        cell = self.cell
        for k, (shape, expected) in enumerate(zip(shapes, cell.input_shapes, strict=False)):
            if shape is not None and expected is not None and shape != expected:
                several = f"input {cell.input_names[k] or k}" if cell.n_inputs > 1 else "input"
                raise ShapeError(mismatch(self, expected, shape, several))
        memories.check_shapes(self, shapes)
        y, *new = cell.output_shapes(*shapes, *cell.state_shapes)
        cell.check_next_state(new)
        return (y,)

    def first_state(self, batch: int, dtype: Dtype) -> tuple[Array, ...]:
        """The initial state, each array (B, ...): zeros, or the learned values."""
        if self.initial:
            return tuple([np.repeat(a[None], batch, axis=0) for a in self.initial.values()])
        return tuple([np.zeros((batch, *shape), dtype) for shape in self.cell.state_shapes])

    def __repr__(self) -> str:
        text = self.cell.name or f"Recurrent({self.cell!r})"
        options = [*self._options()] if in_full() else []
        if self.reverse:
            options.append("reverse=True")
        return with_name(with_options(text, options), self.name)

    def _options(self) -> Iterator[str]:
        """Options other than the default: of a cell of the library's they follow from its parts."""
        kind, names = self.cell.name.partition("(")[0], self.cell.params
        if kind == "RNN" and any(isinstance(layer, ReLU) for layer in self.cell.layers):
            yield "activation='relu'"
        if kind == "GRU" and "weight_hm" in names:
            yield "reset_after=False"
        affine = kind in BUILT_IN.split() and kind != "LRU"
        if affine and not any(name.startswith("bias") for name in names):
            yield "bias=False"
        if self.initial:
            yield "initial='learned'"
        if kind in BUILT_IN.split():
            yield from _rates(self.cell.layers)


def _rates(layers: Iterable[object]) -> Iterator[str]:
    """The options of a cell of the library's that are layers in it, whose rates may be set."""
    zoned = {layer.name: layer.rate for layer in layers if isinstance(layer, Zoneout)}
    if "zoneout" in zoned:
        yield f"zoneout={zoned['zoneout']}"
    elif zoned:
        of_h, of_c = zoned.get("zoneout_h", 0.0), zoned.get("zoneout_c", 0.0)
        yield f"zoneout={of_h if of_h == of_c else (of_h, of_c)}"
    for layer in layers:
        if isinstance(layer, Dropout):
            yield f"{layer.name}={layer.p}"


def _check_initial(initial: object) -> None:
    """Raise ValueError unless it is one of the two."""
    if not isinstance(initial, str) or initial not in ("zeros", "learned"):
        near = hint(initial, ("zeros", "learned"))
        raise ValueError(
            f"Recurrent: initial is 'zeros' or 'learned', found {shown(initial)}{near}; "
            "give other values as state="
        )


def _count_cure(expected: int, inputs: Sequence[Value]) -> str:
    """What to do about another number of inputs than a cell has."""
    if expected > 1 or not inputs:
        return "give one for each Input of its cell"
    sizes = [value.shape[0] if value.shape and len(value.shape) == 1 else "n" for value in inputs]
    return f"join them first, as Concat({', '.join(map(str, sizes))})(...) does"

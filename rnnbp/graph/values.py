"""Symbolic values: what a layer is called on to describe a graph or a cell."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from rnnbp.graph.arithmetic import Arithmetic
from rnnbp.graph.matmul import product, product_of_array, transpose
from rnnbp.graph.timed import Timed
from rnnbp.layers.base import Given, Layer
from rnnbp.numerics import Array, Shape, ShapeError, positive_int, shown
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import takes

if TYPE_CHECKING:
    from rnnbp.graph.over_time.base import OverTime
    from rnnbp.graph.recurrent import Recurrent
    from rnnbp.graph.unrolled import Unrolled

_serial = itertools.count()

Per: TypeAlias = Literal["step", "sequence", "run"]
"""How often a value changes: a series (T, B, ...), a static value (B, ...), a function of
parameters alone (...)."""
PERS: tuple[Per, ...] = get_args(Per)
TIME = "time"
"""The time axis of a series whose Input names no other."""


def finest(pers: Iterable[Per]) -> Per:
    """How often what is computed from such values changes."""
    return min(pers, key=PERS.index, default="run")


Block: TypeAlias = "Layer | Recurrent | Unrolled | OverTime"
"""What a node of a graph holds. The engine runs graphs of layers and Recurrents."""
Outputs: TypeAlias = Any
"""A Value, or a tuple of several. Any: who calls a block knows which, a union would be narrowed."""


class Application:
    """One use of a block: its argument values, and a serial number in the order of writing."""

    def __init__(self, block: Block, args: tuple[Value, ...]) -> None:
        self.block, self.args, self.serial = block, args, next(_serial)
        self.place = ""
        """Where its parameters are named, if in a graph with a name that is part of this one."""


class Value(Arithmetic):
    """A symbolic value: an input of a graph, or an output of a block applied to values.

    Attributes:
        shape: the feature shape, None while it is unknown.
        source: the application of a block that computes it, None for an input.
        index: its number among the outputs of the block.
        name: its name in errors.
        per: "step" for a series, which has a value at each step; "sequence" for a static value, one
            for each sequence; "run" for a function of parameters alone.
        axis: the time axis of a series, "time" unless its Input names another; "" for other
            values, and for the states of a cell, which are of whatever axis the cell runs over.

    ``+ - * /`` with values, numbers and arrays of one number for each feature add layers, and so do
    ``** n`` for a whole n and for ½, ``abs``, and ``np.exp``, ``log``, ``sqrt``, ``square``,
    ``tanh``, ``maximum`` and ``minimum``. A last axis of 1 is repeated for the features of the
    other side. ``v[3:7]`` are features, ``v[2]`` is one, of shape (1,). ``@`` is the product of a
    matrix and a vector, or of two matrices, as of arrays of the feature shapes, ``.T`` the
    transpose.
    Raises TypeError, which names the layer to use, for other operations.

    >>> import rnnbp as rb
    >>> x = rb.Input(3)
    >>> (2 * x + rb.Dense(3, 3)(x)).shape
    (3,)
    """

    def __init__(
        self,
        shape: Shape | None,
        source: Application | None = None,
        index: int = 0,
        name: str = "",
        per: Per = "step",
        axis: str = "",
    ) -> None:
        self.shape, self.source, self.index, self.name, self.per = shape, source, index, name, per
        self.axis = axis

    def apply_layer(self, block: Block, args: Sequence[Given]) -> Outputs:
        """The outputs of ``block`` applied to values: one Value, or a tuple of several."""
        for arg in args:
            if not isinstance(arg, Value):
                raise TypeError(
                    f"{block}: cannot mix symbolic values with {type(arg).__name__}; make it an "
                    "Input"
                )
        try:
            shapes = block.output_shapes(*(arg.shape for arg in args))
        except ShapeError as error:
            raise ShapeError(f"{error}{_named(args)}") from None
        axis, pers = _shared_axis(block, args), _output_pers(block, args)
        source = Application(block, tuple(args))
        outputs = tuple(
            Value(shape, source, k, per=per, axis=axis if per == "step" else "")
            for k, (shape, per) in enumerate(zip(shapes, pers, strict=True))
        )
        return outputs if block.n_outputs > 1 else outputs[0]

    def __matmul__(self, other: Value | Array) -> Value:
        return product(self, other)

    def __rmatmul__(self, other: Array) -> Value:
        return product_of_array(other, self)

    @property
    def T(self) -> Value:  # noqa: N802  # as of NumPy's arrays
        """The transpose of a matrix."""
        return transpose(self)

    def __repr__(self) -> str:
        kind = "Value" if self.source is None else f"Value of {self.source.block}"
        return f"<{kind}{' ' + self.name if self.name else ''} of feature shape {self.shape}>"


def _output_pers(block: Block, args: Sequence[Value]) -> Sequence[Per]:
    """How often each output of a block changes. Raises where its arguments do not fit."""
    if isinstance(block, Timed):
        block.check_args(args)
        return block.out_pers
    return (finest(arg.per for arg in args),) * block.n_outputs


def _shared_axis(block: Block, args: Sequence[Value]) -> str:
    """The axis of the series among a block's arguments. Raises ValueError if they have several."""
    series = [(k, arg) for k, arg in enumerate(args) if arg.axis]
    first = series[0][1].axis if series else ""
    for k, arg in series:
        if arg.axis != first:
            at, other = series[0]
            raise ValueError(
                f"{block}: input {at} is {other!r}, a series of axis {first!r}, input {k} is "
                f"{arg!r}, a series of axis {arg.axis!r}; series that meet share an axis: reduce "
                "one of them to a static value, or give their Inputs the same axis="
            )
    return first


def _named(args: Sequence[Value]) -> str:
    """The names of a layer's inputs, where there are several and some have one."""
    named = [f"input {k} is {arg.name!r}" for k, arg in enumerate(args) if arg.name]
    return f" ({', '.join(named)})" if named and len(args) > 1 else ""


@takes()
# Reads as the class it stands for.
def Input(  # noqa: N802  # reads as the class it stands for
    shape: int | Shape | None = None,
    name: str = "",
    *,
    per: Per = "step",
    axis: str | None = None,
) -> Value:
    """A symbolic input.

    Args:
        shape: the feature shape: an int n for (n,), a tuple, () for one integer a step (for an
            Embedding), None if unknown.
        name: its name in errors, and in a dict of inputs.
        per: "step" for a series (T, B, ...), "sequence" for a static input (B, ...), the same at
            every step of a sequence.
        axis: the name of the time axis of a series, "time" by default. Series of one axis have as
            many steps; those of different axes do not meet in a layer.

    Returns:
        A ``Value``.

    Raises:
        ValueError: for another ``per``, or an axis that is empty or of a static input.

    >>> import rnnbp as rb
    >>> x = rb.Input(3)
    >>> rb.Dense(3, 2)(x).shape
    (2,)
    """
    if per not in ("step", "sequence"):
        near = hint(per, ("step", "sequence"))
        raise ValueError(f"Input: per is 'step' or 'sequence', found {shown(per)}{near}")
    along = _axis(axis, per)
    return Value(_feature_shape("Input", shape), name=_text("Input", name), per=per, axis=along)


@takes()
# Reads as the class it stands for.
def State(shape: int | Shape, name: str = "") -> Value:  # noqa: N802
    """A symbolic state: what one step hands to the next; initially zeros, unless passed or learned.

    Args:
        shape: the feature shape, an int n for (n,).
        name: a learned initial state is the parameter ``initial_<name>``.

    Returns:
        A ``Value``.

    >>> import rnnbp as rb
    >>> x, h = rb.Input(3), rb.State(4, "h")
    >>> h_new = rb.Tanh()(rb.Dense((3, 4), 4)(x, h))
    >>> cell = rb.Cell(x, {h: h_new}, output=h_new)
    >>> rb.Recurrent(cell, initial="learned").params["initial_h"].shape
    (4,)
    """
    if shape is None:
        raise TypeError(
            "State needs a size, as in State(128); only an Input may leave its shape open"
        )
    return Value(_feature_shape("State", shape), name=_text("State", name))


def _axis(axis: object, per: Per) -> str:
    """The axis of an Input as it was given; of a series "time" by default, else ""."""
    if axis is None:
        return TIME if per == "step" else ""
    if not isinstance(axis, str) or not axis.strip():
        raise ValueError(
            f"Input: axis is the name of a time axis, found {shown(axis)}; give one as "
            "axis='source', or leave it out"
        )
    if per != "step":
        raise ValueError(
            f"Input: a static input (per='sequence') has no time axis, found axis={axis!r}; leave "
            "one of the two out"
        )
    return axis


def _text(what: str, name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(
            f"{what}: name is a string, found {shown(name)}; give a shape of several axes as a "
            "tuple"
        )
    return name


def _feature_shape(what: str, shape: int | Shape | None) -> Shape | None:
    if shape is None:
        return None
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(positive_int(f"{what}: size", n) for n in sizes)

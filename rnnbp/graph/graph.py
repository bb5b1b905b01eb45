"""General networks: the frozen list of nodes that symbolic values describe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from rnnbp.graph.network import Network, name_params, named_alone, slots_of
from rnnbp.graph.outputs import (
    Ends,
    check_input_names,
    check_outputs_depend,
    named_outputs,
    several,
)
from rnnbp.graph.unrolled import layer_of
from rnnbp.graph.values import Application, Block, Outputs, Per, Value
from rnnbp.layers.base import Layer
from rnnbp.layers.symbolic import refuse_list
from rnnbp.naming import checked_name, with_name
from rnnbp.numerics import Shape, ShapeError, mismatch
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered
from rnnbp.wording.arguments import method_takes
from rnnbp.wording.calls import OF_GRAPHS

if TYPE_CHECKING:
    from rnnbp.graph.over_time.base import OverTime
    from rnnbp.graph.recurrent import Recurrent


@dataclass(frozen=True, slots=True)
class Node:
    """A block, and the numbers of its arguments and outputs among the graph's values."""

    number: int
    block: Block
    args: tuple[int, ...]
    outs: tuple[int, ...]


def _check_values(inputs: tuple[Value, ...], ends: tuple[Value, ...]) -> None:
    """Raise TypeError or ValueError for what is no input, or no output."""
    if not inputs or not ends or any(not isinstance(v, Value) for v in (*inputs, *ends)):
        raise TypeError(
            "Graph takes symbolic values: inputs made by Input or State, outputs computed from them"
        )
    if any(v.source is not None for v in inputs):
        raise ValueError(
            "Graph: inputs are made by Input or State; a computed value cannot be one, and a Parameter "
            "is used without being listed"
        )
    if len({id(v) for v in inputs}) < len(inputs):
        raise ValueError(
            "Graph: an input is listed twice; list each once, and use it as often as you like"
        )


class Graph(Network):
    """A function described by symbolic values.

    A value used twice is a split: its deltas are summed. A merge is a layer with several inputs. A
    graph called on values adds its nodes to theirs, so nested graphs flatten.

    Args:
        inputs: a Value, or several, which a run takes as a tuple or by their names.
        outputs: a Value, several, or a dict of them by name, as ``{"tag": y1, "class": y2}``; each
            a series or static.
        name: the first part of its parameters' paths in a graph that holds it.

    Raises ValueError if an output depends on an Input that is not among ``inputs``, or on none, or
    two inputs have one name.
    There are no cycles: a value is computed from values that were there before it.

    >>> import numpy as np, rnnbp as rb
    >>> x = rb.Input(3)
    >>> z = rb.Tanh()(rb.Dense(3, 3)(x))
    >>> rb.predict(rb.Graph(x, rb.Dense(3, 2)(z + x)), np.zeros((5, 4, 3), "float32"))[0].shape
    (5, 4, 2)
    """

    layers: tuple[Layer | Recurrent | OverTime, ...]
    n_outputs: int
    pers: tuple[Per, ...]
    """How often each input changes."""
    axes: tuple[str, ...] = ()
    """The time axis of each input, "" for one that is not a series; () if all series have "time"."""
    input_names: tuple[str, ...]
    """"" for an input without a name."""
    output_names: tuple[str, ...] = ("",)
    """"" for an output without a name."""

    suffixes: ClassVar[bool] = False
    """True if names of layers are suffixes of the names of their parameters."""
    _alone: Network | None = None
    """The network that this graph was made of for one run: what is remembered is of that."""
    text: str = ""
    """Its ``repr``, where that is of the network that it stands for; else ""."""
    positions: tuple[str, ...] = ()
    """What the paths of each layer's parameters begin with, unless it has a name: its number, or a
    path in a graph with a name that became part of this one."""
    origins: tuple[int, ...] = ()
    """For each node, that of the network that this graph stands for; () if it stands for none."""

    def __init__(
        self,
        inputs: Value | Sequence[Value],
        outputs: Ends,
        *,
        name: str | None = None,
    ) -> None:
        if name is not None:
            self.name = checked_name(type(self).__name__, name)
        ins, (self.output_names, ends) = several(inputs), named_outputs(outputs)
        _check_values(ins, ends)
        if not self.suffixes:  # a cell may keep a function of parameters as a state
            check_outputs_depend(self.output_names, ends)
            check_input_names(ins)
        self.input_shapes = tuple([v.shape for v in ins])
        self.pers = tuple([v.per for v in ins])
        self.input_names, self.axes = tuple([v.name for v in ins]), tuple([v.axis for v in ins])
        numbers: dict[tuple[int, int], int] = {_key(v): k for k, v in enumerate(ins)}
        uses = _reachable(ends, ins)
        self.nodes = tuple(_number_nodes(uses, numbers))
        self.outputs = tuple([numbers[_key(v)] for v in ends])
        self.n_values, self.n_outputs = len(numbers), len(ends)
        self._alone = None
        layers = [layer_of(node.block) for node in self.nodes]
        self.layers = tuple({id(layer): layer for layer in layers}.values())
        self.slots = name_params(self._children(uses), type(self).__name__, suffixes=self.suffixes)

    def _children(self, uses: Iterable[Application]) -> Iterable[tuple[str, Layer | Network]]:
        """What parameters are named by: layers, each with its position or its path."""
        places = {id(layer_of(use.block)): use.place for use in uses if use.place}
        self.positions = tuple(
            [places.get(id(layer), str(k)) for k, layer in enumerate(self.layers)]
        )
        return [
            (position, layer)
            for position, layer in zip(self.positions, self.layers, strict=True)
            if isinstance(layer, Layer | Network)
        ]

    def _places(self) -> dict[int, str]:
        """The paths of layers with parameters, by identity, in a graph that holds this one."""
        if not self.name:
            return {}
        owners = {id(owner): (path, key) for path, (owner, key) in reversed(self.slots.items())}
        found = {}
        for layer in self.layers:
            for inner, (owner, _) in list(slots_of(layer).items())[:1]:
                path = owners[id(owner)][0]
                place = path if named_alone(layer) else path.removesuffix(inner).removesuffix(".")
                found[id(layer)] = f"{self.name}.{place}".removesuffix(".")
        return found

    @classmethod
    def of_one(cls, block: Recurrent) -> Graph:
        """Returns the graph of a Recurrent alone, under its own paths.

        It is built for each run, so it must be cheap.
        """
        graph = cls.__new__(cls)
        cell, n = block.cell, block.cell.n_inputs
        vars(graph).update(  # its ``__setattr__`` looks at names, a dozen times
            input_shapes=(None,) if n == 1 else cell.input_shapes[:n],
            pers=cell.pers[:n],
            input_names=cell.input_names[:n],
            axes=cell.axes[:n],
            output_names=("",),
            outputs=(n,),
            n_values=n + 1,
            n_outputs=1,
            nodes=(Node(0, block, tuple(range(n)), (n,)),),
            layers=(block,),
            positions=("0",),
            slots=block.slots,
            _alone=block,
        )
        return graph

    @method_takes("a graph called on values", OF_GRAPHS)
    def __call__(self, *values: Value) -> Outputs:
        """The graph's outputs for symbolic arguments: one Value, or a tuple of several."""
        if any(not isinstance(v, Value) for v in values):
            refuse_list(self, values)
            raise TypeError(
                f"{self} is called on symbolic values; for arrays use rnnbp.predict(model, x)"
            )
        self.check_inputs([v.shape for v in values])
        found = list(values) + [None] * (self.n_values - len(values))
        places = self._places()
        for node in self.nodes:
            args = [v for v in (found[k] for k in node.args) if v is not None]
            made = values[0].apply_layer(node.block, args)
            for k, value in zip(
                node.outs, made if isinstance(made, tuple) else (made,), strict=True
            ):
                found[k] = value
                if value.source is not None:
                    value.source.place = places.get(id(layer_of(node.block)), "")
        outputs = tuple([found[k] for k in self.outputs])
        return outputs if len(outputs) > 1 else outputs[0]

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        """Feature shapes of the outputs. Raises ShapeError, naming the layer that does not fit."""
        found = self.value_shapes(*shapes)
        return tuple([found[k] for k in self.outputs])

    def value_shapes(self, *shapes: Shape | None) -> list[Shape | None]:
        """The feature shape of every value, inputs first, from those of the inputs."""
        known = _shapes.of(self.origin)
        return list(known.get(shapes, lambda: self._value_shapes(shapes)))

    def _value_shapes(self, shapes: Sequence[Shape | None]) -> list[Shape | None]:
        self.check_inputs(shapes)
        found: list[Shape | None] = [*shapes, *[None] * (self.n_values - len(shapes))]
        for node in self.nodes:
            made = node.block.output_shapes(*(found[k] for k in node.args))
            for k, shape in zip(node.outs, made, strict=True):
                found[k] = shape
        return found

    def check_inputs(self, shapes: Sequence[Shape | None]) -> None:
        """Raise ShapeError unless there is one shape for each input, equal to that of its Input."""
        if len(shapes) != len(self.input_shapes):
            raise ShapeError(
                f"{self} has {len(self.input_shapes)} inputs, found {len(shapes)}; give one for "
                "each"
            )
        for k, (found, expected) in enumerate(zip(shapes, self.input_shapes, strict=True)):
            if found is not None and expected is not None and found != expected:
                raise ShapeError(mismatch(self, expected, found, f"input {k}"))

    def ancestors(self, numbers: Iterable[int]) -> tuple[Node, ...]:
        """The nodes that the values of these numbers depend on, in order."""
        needed, found = set(numbers), []
        for node in reversed(self.nodes):
            if needed.intersection(node.outs):
                needed.update(node.args)
                found.append(node)
        return tuple(reversed(found))

    @property
    def origin(self) -> Network:
        """The network that it was made of for one run, or it itself."""
        return self if self._alone is None else self._alone

    def __repr__(self) -> str:
        return self.text or with_name(
            f"{type(self).__name__}({', '.join(map(repr, self.layers))})", self.name
        )


_Shapes: TypeAlias = Recent[tuple[Shape | None, ...], list[Shape | None]]
_shapes = Remembered[Network, _Shapes](lambda network: Recent(64))
"""The shapes of a graph's values by those of its inputs."""


def _key(value: Value) -> tuple[int, int]:
    return (id(value), -1) if value.source is None else (value.source.serial, value.index)


def _reachable(ends: Sequence[Value], inputs: Sequence[Value]) -> list[Application]:
    """The uses that ``ends`` depend on, in the order in which they were written."""
    found: dict[int, Application] = {}
    known, waiting = {_key(v) for v in inputs}, list(ends)
    while waiting:
        value = waiting.pop()
        if _key(value) in known:
            continue
        if value.source is None:
            raise ValueError(
                f"{value} is used but is not among the inputs; list it, or make it a state of the "
                "cell"
            )
        if value.source.serial not in found:
            found[value.source.serial] = value.source
            waiting.extend(value.source.args)
    return [found[serial] for serial in sorted(found)]


def _number_nodes(uses: list[Application], numbers: dict[tuple[int, int], int]) -> Iterator[Node]:
    """Nodes of the uses; ``numbers`` gains the number of every value that they give."""
    for k, use in enumerate(uses):
        args = tuple([numbers[_key(v)] for v in use.args])
        outs = []
        for index in range(use.block.n_outputs):
            outs.append(numbers.setdefault((use.serial, index), len(numbers)))
        yield Node(k, use.block, args, tuple(outs))

"""Bidirectional: one recurrent layer of each direction, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, final

from rnnbp.graph.graph import Graph
from rnnbp.graph.initial_values import StateValues
from rnnbp.graph.network import Network
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.rewritten import recurrent_of
from rnnbp.graph.values import Application, Input, Outputs, Value
from rnnbp.layers import Add, Concat, Multiply, Scale
from rnnbp.layers.base import Layer
from rnnbp.naming import with_name, with_options
from rnnbp.numerics import ShapeError, flag, shown
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import method_takes
from rnnbp.wording.calls import OF_RECURRENTS

Merging: TypeAlias = tuple[Layer, ...]
"""The layer of both outputs, and those that follow it."""


@final
class Bidirectional(Graph):
    """Two recurrent layers over the same series, one from each end (Schuster & Paliwal 1997).

    Args:
        forward: a recurrent layer.
        backward: one for the other direction, of as many inputs; it is run in reverse, whether it
            was built with ``reverse=True`` or not.
        merge: what becomes of the two outputs: "concat", side by side along the last axis, or
            "sum", "mul" or "mean", element by element.
        name: the first part of its parameters' paths in a network that holds it.

    Parameters have the paths ``forward.weight_ih`` and ``backward.weight_ih``, or those of the
    layers' own names. Both read the same weights if they have one cell:
    ``Bidirectional(rnn, Recurrent(rnn.cell, reverse=True))``.

    Called on values it takes and returns states as a Recurrent does, as a pair, of each direction:
    ``y, (first, second) = layer(x, return_state=True)``; the final state of the reverse direction
    is that of the first step. ``Last()`` of y has read one step in reverse: what Keras returns by
    ``return_sequences=False`` is ``Concat(n, m)(first, second)``, of LSTMs of ``first[0]`` and
    ``second[0]``, their h. Windows carry the forward state on, and begin anew in reverse.

    Shapes: x (T, B, ...) → y (T, B, n + m), (T, B, n) for other merges.

    Raises ValueError for a forward layer with ``reverse=True``, or one layer in both places;
    ShapeError for outputs that cannot be merged.

    >>> import rnnbp as rb
    >>> layer = rb.Bidirectional(rb.LSTM(3, 4), rb.LSTM(3, 4))
    >>> model = rb.Sequential(layer, rb.Bidirectional(rb.GRU(8, 4), rb.GRU(8, 4), "sum"))
    >>> [path for path in model.params if "weight_ih" in path]
    ['0.forward.weight_ih', '0.backward.weight_ih', '1.forward.weight_ih', '1.backward.weight_ih']
    """

    def __init__(
        self,
        forward: Recurrent,
        backward: Recurrent,
        merge: str = "concat",
        *,
        name: str | None = None,
    ) -> None:
        _check_directions(forward, backward)
        self.forward, self.merge = forward, _checked_merge(merge)
        self.backward = backward if backward.reverse else _reversed(backward)
        inputs = _inputs(forward, backward)
        outputs = forward(*inputs), self.backward(*inputs)
        self.merging = MERGES[merge](*outputs)
        super().__init__(inputs, _merged(self.merging, outputs), name=name)

    @method_takes("Bidirectional called on values", OF_RECURRENTS)
    def __call__(
        self,
        *values: Value,
        state: Sequence[StateValues] | None = None,
        return_state: bool = False,
    ) -> Outputs:
        """A node for each direction, and the merged output.

        Args:
            values: one for each input of the cells.
            state: the initial states, a pair, each as a Recurrent takes it.
            return_state: True for (y, the final states, a pair) instead of y alone.
        """
        returned = flag(f"{self}: return_state", return_state)
        if state is None and not returned:
            return super().__call__(*values)
        places, ends = self._places(), list[tuple[Value, StateValues]]()
        for rnn, first in zip((self.forward, self.backward), self._pair(state), strict=True):
            y, final_state = rnn(*values, state=first, return_state=True)
            y.source.place = places.get(id(rnn), "")
            ends.append((y, final_state))
        merged = _merged(self.merging, [y for y, _ in ends])
        return (merged, tuple([final_state for _, final_state in ends])) if returned else merged

    def _pair(self, state: object) -> Sequence[StateValues]:
        """The initial states of both. Raises TypeError for another number of them."""
        if state is None:
            return (None, None)
        if not isinstance(state, list | tuple) or len(state) != 2:
            found = f"{len(state)}" if isinstance(state, list | tuple) else shown(state)
            raise TypeError(
                f"{self}: state= is a pair, of the forward and of the reverse direction, found "
                f"{found}; give state=(first, second), each as the layer takes it, or None"
            )
        return state

    def _children(self, uses: Iterable[Application]) -> Iterable[tuple[str, Layer | Network]]:
        return [("forward", self.forward), ("backward", self.backward)]

    def __repr__(self) -> str:
        options = [] if self.merge == "concat" else [f"merge={self.merge!r}"]
        text = with_options(f"Bidirectional({self.forward!r}, {self.backward!r})", options)
        return with_name(text, self.name)


def _check_directions(forward: object, backward: object) -> None:
    """Raise unless they are two Recurrents, the first not in reverse."""
    for place, each in (("forward", forward), ("backward", backward)):
        if not isinstance(each, Recurrent):
            raise TypeError(
                f"Bidirectional: {place} is a recurrent layer, found {shown(each)}; as "
                "Bidirectional(LSTM(3, 4), LSTM(3, 4))"
            )
    if forward is backward:
        raise ValueError(
            f"Bidirectional: forward and backward are one layer, {forward}; build two, or, if both "
            "shall have the same weights, give Recurrent(forward.cell, reverse=True) as backward"
        )
    if isinstance(forward, Recurrent) and forward.reverse:
        raise ValueError(
            f"Bidirectional: forward is {forward}, which runs in reverse; build it without "
            "reverse=True, or give it as backward"
        )


def _checked_merge(merge: object) -> str:
    if not isinstance(merge, str) or merge not in MERGES:
        listed = ", ".join(map(repr, MERGES))
        raise ValueError(
            f"Bidirectional: merge is one of {listed}, found {shown(merge)}{hint(merge, MERGES)}"
        )
    return merge


def _reversed(block: Recurrent) -> Recurrent:
    """A Recurrent of the same cell, initial state and name in the other direction."""
    new = recurrent_of(block, block.cell)
    new.reverse = True
    return new


def _inputs(forward: Recurrent, backward: Recurrent) -> tuple[Value, ...]:
    """An Input for each of those of the cells. Raises ValueError if they differ in kind."""
    kinds = [rnn.cell.pers[: rnn.cell.n_inputs] for rnn in (forward, backward)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"Bidirectional: the inputs of both cells are of the same kinds, found {kinds[0]} of "
            f"{forward}, and {kinds[1]} of {backward}; give both the same Inputs"
        )
    cell, count = forward.cell, len(kinds[0])
    named = zip(cell.input_shapes[:count], cell.input_names[:count], cell.pers[:count], strict=True)
    return tuple([Input(shape, name, per=per) for shape, name, per in named])


def _merged(merging: Merging, outputs: Sequence[Value]) -> Value:
    """The output of both directions."""
    found: Value = merging[0](*outputs)
    for layer in merging[1:]:
        found = layer(found)
    return found


def _concat(a: Value, b: Value) -> Merging:
    sizes = [
        value.shape[0] for value in (a, b) if value.shape is not None and len(value.shape) == 1
    ]
    if len(sizes) < 2:
        raise ShapeError(
            f"Bidirectional: merge='concat' needs outputs of a known number of features, found "
            f"{a.shape} forward and {b.shape} backward; say the shape of the cells' Inputs, as "
            "Input(n), or merge otherwise"
        )
    return (Concat(*sizes),)


def _elementwise(layers: Callable[[], Merging]) -> Callable[[Value, Value], Merging]:
    """What merges outputs of one shape by new layers. Raises ShapeError for others."""

    def merging(a: Value, b: Value) -> Merging:
        if None not in (a.shape, b.shape) and a.shape != b.shape:
            raise ShapeError(
                f"Bidirectional: outputs are merged element by element, found {a.shape} features "
                f"forward and {b.shape} backward; give both as many, or merge='concat'"
            )
        return layers()

    return merging


MERGES: Mapping[str, Callable[[Value, Value], Merging]] = {
    "concat": _concat,
    "sum": _elementwise(lambda: (Add(),)),
    "mul": _elementwise(lambda: (Multiply(),)),
    "mean": _elementwise(lambda: (Add(), Scale(0.5))),
}
"""By name, the layers that merge two outputs."""

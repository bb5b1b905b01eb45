"""Cell: one step of a recurrent network, as a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.graph.graph import Graph
from rnnbp.graph.made import Made
from rnnbp.graph.values import Value
from rnnbp.layers.base import Layer
from rnnbp.numerics import Dtype, Shape, ShapeError, shown


class Cell(Graph):
    """One step: a graph from (*inputs, *state) to (y, *state).

    Args:
        x: the input of the step, or several, of which some may be ``per="sequence"``.
        next_state: for each State its value after the step.
        output: the output of the step, any value of the cell.
        name: its name in errors and ``repr``; its parameters' paths begin with the name of its
            ``Recurrent``.

    It runs as machine code, or by NumPy if one of its layers runs as Python: Embedding, OneHot,
    Conv1D, Conv2D, MaxPool, AvgPool, and a custom layer without ``lower``. ``rnnbp.explain(cell)``
    names those.

    The parameters of a layer with a name are ``weight_<name>``, as PyTorch's ``weight_ih``; a
    ``Parameter`` is called by its name alone. What depends on parameters and static inputs alone is
    computed once a run.

    Raises ValueError if a State that is used has no next value or two have one name, ShapeError if
    a next value has the wrong shape; if that depends on x, Recurrent raises it once x is known.

    >>> import numpy as np, rnnbp as rb
    >>> x, h = rb.Input(3), rb.State(4, "h")
    >>> h_new = rb.Tanh()(rb.Dense(3, 4, name="ih")(x) + rb.Dense(4, 4, name="hh", bias=False)(h))
    >>> model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    >>> list(model.params), rb.predict(model, np.zeros((7, 2, 3), "float32"))[0].shape
    (['weight_ih', 'bias_ih', 'weight_hh'], (7, 2, 4))
    """

    suffixes = True
    name: str

    n_inputs: int
    """Inputs apart from states, which come after them."""
    made: Made | None = None
    """How the library built it; None for a cell of one's own."""
    leaf_dtype: Dtype | None = None
    """That of inputs per "run", of a cell that has some."""

    def __init__(
        self,
        x: Value | Sequence[Value],
        next_state: Mapping[Value, Value],
        output: Value,
        *,
        name: str = "",
    ) -> None:
        _check_next_state(next_state)
        given = _checked_inputs(x)
        super().__init__((*given, *next_state), (output, *next_state.values()))
        self.name, self.n_inputs = name, len(given)
        self.state_shapes: tuple[Shape, ...] = tuple(
            s.shape for s in next_state if s.shape is not None
        )
        self.state_names = _distinct([s.name or str(k) for k, s in enumerate(next_state)])
        self.feeding = self.ancestors(self.outputs[1:])
        """The nodes that the next state depends on: all that an Advance runs."""
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"Cell: {layer} cannot stand inside a cell; stack the two in a Sequential"
                )

    def check_next_state(self, shapes: Sequence[Shape | None]) -> None:
        """Raise ShapeError unless the next state, of these shapes, is as the state."""
        for name, expected, found in zip(self.state_names, self.state_shapes, shapes, strict=True):
            if found is not None and found != expected:
                raise ShapeError(
                    f"{self}: state {name} has shape {expected}, and for this x its next value has "
                    f"{found}; make it State({found[0] if len(found) == 1 else found}), or change x"
                )

    def __repr__(self) -> str:
        return self.name or super().__repr__()


def charged(cell: Cell) -> tuple[int, ...]:
    """The values whose elements are penalised."""
    return tuple([n.outs[0] for n in cell.nodes if isinstance(n.block, Layer) and n.block.charges])


def _checked_inputs(inputs: object) -> tuple[Value, ...]:
    """The inputs of a cell as a tuple. Raises unless some are series and names differ."""
    given = tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
    for k, value in enumerate(given):
        if not isinstance(value, Value):
            raise TypeError(
                f"Cell: input {k} must be an Input, found {shown(value)}; as Cell((x, s), {{h: "
                "h_new}, output=h_new)"
            )
    if given and all(value.per != "step" for value in given):
        raise ValueError(
            "Cell: no input has a value at each step, and nothing says how many steps there are; "
            "give it an Input(n), which may stay unused"
        )
    names = [value.name for value in given if value.name]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"Cell: two inputs are called {name!r}; give them different names")
    return given


def _check_next_state(next_state: object) -> None:
    """Raise unless it maps symbolic values to values of the same shape."""
    if not isinstance(next_state, Mapping):
        found = type(next_state).__name__
        raise TypeError(
            f"Cell: next_state maps each State to its next value, as {{h: h_new}}; found {found}"
        )
    if not next_state:
        raise ValueError("Cell: next_state is empty; a cell without state is a Graph")
    for k, (state, new) in enumerate(next_state.items()):
        if not isinstance(state, Value) or not isinstance(new, Value):
            found = f"{shown(state)}: {shown(new)}"
            raise TypeError(f"Cell: state {k} must map a State to a symbolic value, found {found}")
        if state.source is not None:
            swapped = "" if new.source is not None else "; swap the two"
            raise ValueError(
                "Cell: the keys of next_state are States, and each value is what follows, as "
                f"{{h: h_new}}; found a computed value as key {k}{swapped}"
            )
        if new.shape is not None and new.shape != state.shape:
            raise ShapeError(
                f"Cell: state {state.name or k} is {state.shape}, its next value {new.shape}; "
                "make their shapes equal"
            )


def _distinct(names: list[str]) -> tuple[str, ...]:
    for k, name in enumerate(names):
        if (first := names.index(name)) < k:
            raise ValueError(
                f"Cell: states {first} and {k} are both called {name!r}; give State(...) different "
                "names"
            )
    return tuple(names)

"""The layer contract: a frozen leaf with one forward and two backward methods."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, TypeAlias

from rnnbp.checks.arrays import REAL, as_array, plain
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.frozen import Frozen
from rnnbp.layers.params import LayerParams
from rnnbp.layers.primitives import Primitives
from rnnbp.layers.symbolic import Symbolic, refuse_list
from rnnbp.naming import checked_name, with_name
from rnnbp.numerics import Array, Saved, Shape
from rnnbp.summarized import Summarized
from rnnbp.support.ieee import ieee
from rnnbp.wording.arguments import Named

NUMBERS = REAL + "c"
"""Kinds of dtype that layers take; complex numbers are gradcheck's."""
Given: TypeAlias = Any
"""An argument or a result of a layer, whose type is each layer's own: an array, a tuple of arrays
where there are several outputs, None where one has no delta, a symbolic value. ``node_calls``
checks what came."""


class Layer(Named, Summarized, Frozen):
    """A differentiable function with parameters and no memory of its calls.

    Args:
        name: the first part of its parameters' paths.

    A layer is frozen after ``__init__``: assigning an attribute raises AttributeError. Elements of
    its parameters are written in place, and options such as ``Dropout.p`` change through ``set``.
    So one layer serves every step, can be recomputed, shared, and run in two threads. All axes
    before the features are batch: the same code serves (B, n) and (L, B, n).

    A subclass is final. Its methods never write to their arguments, and the arrays that it returns
    as parameter gradients belong to the caller. A layer with several outputs sets ``n_outputs``;
    its ``y`` and ``dy`` are then tuples, and ``dy`` holds None for an output that nothing depends
    on.

    Saved arrays are cut and stacked over the steps: each begins with the batch axes of x. A
    parameter is read from ``self.params``, which has not changed when backward runs. A vector that
    is learned, one number for each unit:

    >>> import numpy as np, rnnbp as rb
    >>> class Gain(rb.Layer):
    ...     def __init__(self, n):
    ...         super().__init__()
    ...         self.params = {"weight": np.ones(n, "float32")}
    ...     def forward(self, x, **context):
    ...         return x * self.params["weight"], (x,)
    ...     def backward_inputs(self, saved, dy): return (dy * self.params["weight"],)  # one for each input
    ...     def backward_params(self, saved, dy):
    ...         return {"weight": (saved[0] * dy).reshape(-1, dy.shape[-1]).sum(axis=0)}
    ...     def output_shapes(self, *shapes): return shapes
    ...     def keeps(self, *shapes): return rb.Keeps(inputs=(0,))  # saved is (x,)
    ...     def lower(self, ops, x): return (ops.gain(x, self.params, "weight"),)  # in a cell, as machine code
    >>> rb.check_grads(Gain(3), (np.ones((2, 3)),)).worst < 1e-12
    True

    ``rnnbp.save`` saves it in a model if each argument of its constructor is an attribute of that
    name, as ``self.n = n``, or a method ``get_config()`` returns a dict of them; ``rnnbp.load``
    then takes its class, ``layers={"Gain": Gain}``.

    A layer that draws random numbers sets ``random = True``, and its ``forward`` takes a keyword
    ``context``: a ``Context``, new for every run, or None where the layer is called directly on an
    array. It says whether the run trains, and draws numbers that depend only on the seed, the
    layer's position, the step and ``draw``, so that a step that is recomputed sees the same
    numbers; help(rnnbp.Context) has the whole contract. Noise that is added and multiplied:

    >>> import numpy as np, rnnbp as rb
    >>> class Noise(rb.Layer):
    ...     random = True
    ...     def __init__(self, deviation):
    ...         super().__init__()
    ...         self.params, self.deviation = {}, deviation
    ...     def forward(self, x, *, context=None):
    ...         if context is None or not context.training:
    ...             return x, ()
    ...         gain = 1 + self.deviation * context.normal(x.shape, per="sequence", draw=0).astype(x.dtype)
    ...         return gain * x + self.deviation * context.normal(x.shape, draw=1).astype(x.dtype), (gain,)
    ...     def backward_inputs(self, saved, dy):
    ...         return (saved[0] * dy if saved else dy,)
    ...     def output_shapes(self, *shapes):
    ...         return shapes
    ...     def keeps(self, *shapes):
    ...         return rb.Keeps(extras=((shapes[0], None),))  # saved is (gain,), of the model's dtype
    ...     def lower(self, ops, x):  # in a cell, as machine code, with the same numbers
    ...         if not ops.training:
    ...             return (x,)
    ...         gain = ops.scale(ops.random("normal", x, per="sequence", draw=0), self.deviation, 1.0)
    ...         return (ops.add(ops.mul(x, gain), ops.scale(ops.random("normal", x, draw=1), self.deviation)),)
    >>> x, h = rb.Input(3), rb.State(4, "h")
    >>> h_new = rb.Tanh()(Noise(0.1)(rb.Dense((3, 4), 4, rng=0)(x, h)))
    >>> model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    >>> x, target = np.ones((5, 2, 3)), np.ones((5, 2, 4))
    >>> rb.check_grads(model, x, target, rb.losses.MeanSquaredError()).worst < 1e-10  # of both ways
    True
    """

    name: str | None = None
    """If set, parameters are called ``<name>.weight`` in a network, not ``<position>.weight``, and
    ``weight_<name>`` in a cell. Set by ``__init__``."""
    n_outputs: int = 1
    random: ClassVar[bool] = False
    """True if ``forward`` draws random numbers, from a keyword ``context`` (rnnbp.rng.Context)."""

    view: bool = False
    """True if the output shares the input's memory; its delta then shares that of the output's."""
    part: ClassVar[bool] = False
    """True if the outputs are views of parts of the input, whose delta is an array of its own."""
    passes: ClassVar[bool] = False
    """True if the deltas share the memory of the output's delta, but the output has its own."""
    spare: ClassVar[tuple[float, float, float]] = (1, 1, 0)
    """Temporary arrays, × the output's size, of forward, backward_inputs and backward_params."""
    spare_flags: ClassVar[tuple[int, int, int]] = (0, 0, 0)
    """Bytes of temporary masks of the three methods, per element of the output."""
    typed: ClassVar[bool] = False
    """True if ``forward`` takes a keyword ``dtype``, the model's, which its inputs do not have."""
    symbols: ClassVar[bool] = False
    """True if inputs are integers, which have no gradient."""
    mixes: ClassVar[bool] = False
    """True if it takes parameter values, without batch axes, next to others as they are."""
    charges: ClassVar[bool] = False
    """True if it hands its first input on and adds to the loss by it: that has a delta of its own
    even where nothing depends on the output, which shares its memory. It is saved first."""
    sole: ClassVar[bool] = False
    """True if it has one parameter, whose path is the layer's name alone."""

    _params: LayerParams

    def __init__(self, *, name: str | None = None) -> None:
        if name is not None:
            self.name = checked_name(type(self).__name__, name)
        if type(self).__init__ is Layer.__init__:  # a layer without parameters needs no constructor
            self.params = {}

    @property
    def params(self) -> dict[str, Array]:
        """Parameters by name, updated in place; shapes never change. Set from a dict of all.

        The dict stays the layer's own: networks that hold the layer see arrays that are stored in
        it later.
        """
        return self._params

    @params.setter
    def params(self, given: dict[str, Array]) -> None:
        # Another layer's own are shared.
        found = given if isinstance(given, LayerParams) else LayerParams(given)
        known = vars(self).setdefault("_params", found)
        if any(name not in found for name in known):
            raise TypeError(
                f"params has {list(known)}, found {list(found)}; give them all, or build a new "
                "layer"
            )
        known.update(found)

    @abstractmethod
    def forward(self, *xs: Given, **context: Given) -> tuple[Given, Saved]:
        """Returns (y, saved): the output, and a tuple of the arrays that the backward methods need.

        Args:
            xs: inputs, each (..., features): all axes before the features are batch.
            context: of a ``random`` layer, or ``dtype`` of a ``typed`` one.

        Returns:
            y has the batch axes and dtype of the inputs, or is a tuple of ``n_outputs`` such
            arrays. Each array of saved begins with the batch axes.
        """

    @abstractmethod
    def backward_inputs(self, saved: Saved, dy: Given) -> tuple[Array | None, ...]:
        """Returns the delta of each input, of its shape; None for an input without a gradient.

        Args:
            saved: as ``forward`` returned it.
            dy: the derivative of the loss by y, of its shape; for several outputs a tuple, with
                None for each output that the loss does not depend on.
        """

    def backward_params(self, saved: Saved, dy: Given) -> dict[str, Array]:
        """Returns the parameter gradients by name, each summed over all batch axes.

        It runs after ``backward_inputs``, for many steps at once. Arguments are those of
        ``backward_inputs``.
        """
        return {}

    @abstractmethod
    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        """Returns the feature shapes of the outputs for those of the inputs; None if not known yet.

        Raises:
            ShapeError: for shapes that do not fit.
        """

    def keeps(self, *shapes: Shape) -> Keeps | None:
        """Returns what ``forward`` saves in training for inputs of these feature shapes.

        From it bytes are predicted. None, the default, declares nothing: the layer still runs, but
        a prediction cannot include it.
        """
        return None

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...] | None:
        """Writes the layer in the compiler's operations; returns the numbers of its outputs.

        None, the default, for a layer that runs by its own methods. A ``random`` layer is lowered
        twice: ``ops.training`` tells the mode, and ``ops.random`` returns the numbers that
        ``forward`` draws from its context.

        Args:
            ops: the operations.
            xs: the numbers of the inputs' values.
        """
        return None

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        """Returns the temporary memory of the methods, in elements of the dtype.

        The default is ``spare`` times the size of the outputs, and ``spare_flags``.

        Args:
            rows: batch elements.
            shapes: feature shapes of the inputs.
        """
        size = rows * sum(math.prod(shape or ()) for shape in self.output_shapes(*shapes))
        forward, inputs, params = (math.ceil(share * size) for share in self.spare)
        masks, more, others = self.spare_flags
        return Scratch(forward, inputs, params, (masks * size, more * size, others * size))

    @ieee
    def __call__(self, *xs: Given) -> Given:
        """On symbolic values: adds a node to their graph. On arrays: returns the output in
        evaluation mode."""
        if not xs:
            raise TypeError(f"{self}: call it on at least one value or array")
        for x in xs:
            if isinstance(x, Symbolic):
                return x.apply_layer(self, xs)
        refuse_list(self, xs)
        arrays = [plain("input", x, self) for x in xs]
        if any(x.dtype.kind not in NUMBERS for x in arrays):
            for x in xs:
                as_array(f"{self}: input", x, kinds=NUMBERS)
        return self.forward(*arrays)[0]

    def __repr__(self) -> str:
        return with_name(f"{type(self).__name__}({self.describe()})", self.name)

    def describe(self) -> str:
        """Returns the arguments as ``repr`` shows them."""
        return ""

"""The layer contract: a pure leaf, with one forward and two backward methods."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnbp.checks.arrays import REAL, as_array, plain
from rnnbp.checks.mapped import check_there
from rnnbp.layers.primitives import Primitives
from rnnbp.naming import checked_name, with_name
from rnnbp.numerics import Array, DtypeError, Saved, Shape, ShapeError, shown
from rnnbp.summaries import Summarized
from rnnbp.support.ieee import ieee
from rnnbp.wording.arguments import Named

NUMBERS = REAL + "c"
"""Kinds of dtype that layers take; complex numbers are gradcheck's."""


@dataclass(frozen=True, slots=True)
class Keeps:
    """What ``forward`` saves, in this order: some of its inputs, some of its outputs, arrays of its own.

    ``inputs`` and ``outputs`` are their numbers, from 0: ``Keeps(inputs=(0,))`` says that ``forward``
    returns ``y, (x,)`` with x itself, its first input, which is then not kept twice. ``extras`` are
    (feature shape, dtype) of other arrays, dtype None for that of the parameters.
    """

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    extras: tuple[tuple[Shape, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Scratch:
    """The most elements that a layer's methods hold at once apart from their results: forward, and the
    two backward.

    ``flags`` are bytes, whatever the dtype, of the three methods: of masks and numbers of symbols.
    """

    forward: int = 0
    inputs: int = 0
    params: int = 0
    flags: tuple[int, int, int] = (0, 0, 0)

    def nbytes(self, itemsize: int) -> tuple[int, int, int]:
        """Bytes of the three methods, where an element takes ``itemsize``."""
        forward, inputs, params = self.flags
        return self.forward * itemsize + forward, self.inputs * itemsize + inputs, self.params * itemsize + params


def buffered(elements: int) -> int:
    """Elements of NumPy's buffer while it works on an operand that does not lie together.

    Such are a row that is repeated, a part of an array, a mask that becomes floats.
    """
    return min(int(np.getbufsize()), elements)


class LayerParams(dict[str, Array]):
    """Arrays by name, each of the shape that it had first: what runs a layer has been made for that.

    Raises TypeError for what is no array, DtypeError for one that is not real, ShapeError for another shape.
    """

    shapes: dict[str, Shape]
    """Those that they had first: an array may be resized in place."""

    def __init__(self, given: Any = ()) -> None:
        super().__init__()
        self.update(given)

    def __setitem__(self, key: str, value: Array) -> None:
        self.update({key: value})

    def __ior__(self, other: Any) -> Self:  # type: ignore[override, misc]  # dict's takes pairs too
        self.update(other)
        return self

    def update(self, *given: Any, **named: Any) -> None:
        found = dict(*given, **named)
        for key, value in found.items():
            self._check(key, value)
        super().update(found)
        shapes = vars(self).setdefault("shapes", {})  # unpickling does not call __init__
        for key, value in found.items():
            shapes.setdefault(key, value.shape)

    def _check(self, key: str, value: Any) -> None:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"parameter {key!r} must be an array, found {shown(value)}; use np.asarray(..., 'float32')")
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"parameter {key!r} is a masked array, whose mask would be lost; give its data")
        check_there(value)
        if value.dtype not in (np.float32, np.float64, np.complex128):  # complex is gradcheck's
            raise DtypeError(f"parameter {key!r} has dtype {value.dtype}; parameters are float32 or float64")
        if (expected := vars(self).get("shapes", {}).get(key, value.shape)) != value.shape:
            raise ShapeError(
                f"parameter {key!r} must have shape {expected}, found {value.shape}; "
                f"write into it, params[{key!r}][...] = values, or build another layer"
            )


def parameter(owner: dict[str, Array], key: str, path: str = "") -> Array:
    """A parameter as a plain array, once it is seen to be what its layer was built with.

    Args:
        path: how errors call it.

    Raises TypeError for what is missing or no array, ShapeError where it was resized, or put there
    past the checks.
    """
    given, path = owner.get(key), path or key
    if type(given) is np.ndarray and type(owner) is LayerParams and given.shape == owner.shapes[key]:
        return given
    if not isinstance(given, np.ndarray) or isinstance(given, np.ma.MaskedArray):
        found = "is missing" if given is None else f"must be an array, found {type(given).__name__}"
        raise TypeError(f"{path} {found}; write into a parameter, params[{path!r}][...] = values")
    array = given if type(given) is np.ndarray else np.asarray(given)  # a subclass may say anything of its shape
    if isinstance(owner, LayerParams) and array.shape != owner.shapes[key]:
        raise ShapeError(
            f"{path} has shape {array.shape}, its layer was built with {owner.shapes[key]}; "
            f"resize no parameter in place, build another layer"
        )
    return array


class Layer(Named, Summarized, ABC):
    """A differentiable function with parameters and no memory of its calls.

    Nothing is written to a layer after ``__init__`` but the elements of its parameters, so one layer
    serves every step, can be recomputed, shared, and run in two threads. All axes before the features
    are batch: the same code serves (B, n) and (L, B, n).

    A subclass is final. Its methods never write to their arguments, and the arrays that it returns as
    parameter gradients belong to the caller. A layer with several outputs sets ``n_outputs``; its ``y``
    and ``dy`` are then tuples, and ``dy`` holds None for an output that nothing depends on.

    Saved arrays are cut and stacked over the steps: each begins with the batch axes of x. A parameter is
    read from ``self.params``, which has not changed when backward runs. A vector that is learned, one
    number for each unit:

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

    A layer that draws random numbers sets ``random = True``, and its ``forward`` takes a keyword
    ``context``, a ``Context``: of every run a new one, which says whether it trains, and draws numbers that
    depend on the seed, the layer's place and the step alone, so that a step that is run again sees the
    same. It is None where the layer is called on an array by itself.

    >>> import rnnbp as rb
    >>> class Noise(rb.Layer):
    ...     random = True
    ...     passes = True  # the delta of x is dy itself
    ...     def __init__(self, deviation):
    ...         super().__init__()
    ...         self.params, self.deviation = {}, deviation
    ...     def forward(self, x, *, context=None):
    ...         if context is None or not context.training:
    ...             return x, ()
    ...         return x + self.deviation * context.normal(x.shape), ()
    ...     def backward_inputs(self, saved, dy):
    ...         return (dy,)
    ...     def output_shapes(self, *shapes):
    ...         return shapes
    ...     def keeps(self, *shapes):
    ...         return rb.Keeps()
    >>> rb.Sequential(rb.LSTM(3, 4), Noise(0.1), rb.Dense(4, 2)).summary().parameters
    154
    """

    name: str | None = None
    """If given, parameters are called ``<name>.weight`` in a network, not ``<position>.weight``, and
    ``weight_<name>`` in a cell. Set by ``__init__``."""
    n_outputs: int = 1
    random: ClassVar[bool] = False
    """True if ``forward`` takes a keyword ``context`` (rnnbp.rng.Context) to draw random numbers from."""

    view: bool = False
    """True if the output shares the memory of the input; its delta then shares that of the output's."""
    part: ClassVar[bool] = False
    """True if the outputs are parts of the input's memory, though its delta is an array of its own."""
    passes: ClassVar[bool] = False
    """True if the deltas share the memory of the output's, though the output is an array of its own."""
    spare: ClassVar[tuple[float, float, float]] = (1, 1, 0)
    """Temporary arrays of ``forward``, ``backward_inputs`` and ``backward_params``, in sizes of the output."""
    spare_flags: ClassVar[tuple[int, int, int]] = (0, 0, 0)
    """Bytes of temporary masks of the three methods, for each element of the output."""
    typed: ClassVar[bool] = False
    """True if ``forward`` takes a keyword ``dtype``, the model's, because its inputs do not tell
    it."""
    symbols: ClassVar[bool] = False
    """True if inputs are integers, without a gradient."""

    _params: LayerParams

    def __init__(self, *, name: str | None = None) -> None:
        if name is not None:
            self.name = checked_name(type(self).__name__, name)
        if type(self).__init__ is Layer.__init__:  # a layer without parameters needs no constructor
            self.params = {}

    @property
    def params(self) -> dict[str, Array]:
        """Parameters by name; updated in place, never of another shape. Set from a dict of all.

        The dict stays the layer's own: networks that hold the layer, and what runs them, see arrays
        put there later.
        """
        return self._params

    @params.setter
    def params(self, given: dict[str, Array]) -> None:
        found = given if isinstance(given, LayerParams) else LayerParams(given)  # another layer's own are shared
        known = vars(self).setdefault("_params", found)
        if any(name not in found for name in known):
            raise TypeError(f"params has {list(known)}, found {list(found)}; give them all, or build another layer")
        known.update(found)

    @abstractmethod
    def forward(self, *xs: Any, **context: Any) -> tuple[Any, Saved]:
        """(y, saved): the output, and a tuple of the arrays that the backward methods need, batch axes first."""

    @abstractmethod
    def backward_inputs(self, saved: Saved, dy: Any) -> tuple[Array | None, ...]:
        """The delta recursion: one delta for each input, None for an input without a gradient."""

    def backward_params(self, saved: Saved, dy: Any) -> dict[str, Array]:
        """Parameter gradients, read off afterwards; a sum over all batch axes, so it can wait."""
        return {}

    @abstractmethod
    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        """Feature shapes of the outputs, from those of the inputs; None is a shape not yet known.

        Raises ShapeError for shapes that do not fit.
        """

    def keeps(self, *shapes: Shape) -> Keeps | None:
        """What ``forward`` saves in training for inputs of these feature shapes, so that bytes can be forecast.

        None, the default, is not declared: the layer still runs, but a forecast cannot include it.
        """
        return None

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...] | None:
        """The layer in the compiler's operations: the values of its outputs, from those of its inputs.

        None, the default, for a layer that is run as it is, by its own methods. Not asked of a ``random`` layer.
        """
        return None

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        """What the methods need apart from their results for ``rows`` batch elements, in elements of the dtype.

        The default is ``spare`` times the size of the outputs, and ``spare_flags``.
        """
        size = rows * sum(math.prod(shape or ()) for shape in self.output_shapes(*shapes))
        forward, inputs, params = (math.ceil(share * size) for share in self.spare)
        masks, more, others = self.spare_flags
        return Scratch(forward, inputs, params, (masks * size, more * size, others * size))

    @ieee
    def __call__(self, *xs: Any) -> Any:
        """On symbolic values: a new node of their graph. On arrays: the output in evaluation mode."""
        if not xs:
            raise TypeError(f"{self}: call it on at least one value or array")
        for x in xs:
            if hasattr(x, "apply_layer"):
                return x.apply_layer(self, xs)
        arrays = [plain("input", x, self) for x in xs]
        if any(x.dtype.kind not in NUMBERS for x in arrays):
            for x in xs:
                as_array(f"{self}: input", x, kinds=NUMBERS)
        return self.forward(*arrays)[0]

    def __repr__(self) -> str:
        return with_name(f"{type(self).__name__}({self.describe()})", self.name)

    def describe(self) -> str:
        """The arguments as ``repr`` shows them."""
        return ""

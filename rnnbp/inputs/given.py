"""Types of what a caller passes, which is checked when it is used."""

from __future__ import annotations

from typing import Any, TypeAlias

# Any: ``as_model`` raises for others and says what to do, also to callers that check types
ModelLike: TypeAlias = Any
"""A Sequential, Graph, Recurrent or Layer."""
# Any: arrays of other libraries share no type; ``series`` raises for others
SeriesLike: TypeAlias = Any
"""x, target or mask: an array of NumPy or another library, what reads slices from a file, or an
iterator of pieces."""
InputsLike: TypeAlias = SeriesLike
"""The x of a model: what ``SeriesLike`` may be, or (B, ...) where it is static; of several inputs a
tuple of those in order, or a dict by name. Any, likewise: ``passed`` raises for others."""
InputsOf: TypeAlias = SeriesLike
"""One array, or None, for each input, in the form of ``InputsLike``. Any: who passes x knows which
it is, a union would be narrowed by everyone."""
StateLike: TypeAlias = object
"""Initial states: an array or a tuple for each Recurrent, None for its own; ``initial_states``
raises for others."""
# Any: a loss that needs a target is never called without one, which is checked once for a run
TargetLike: TypeAlias = Any
"""The target or mask of some steps: an array, or None where there is none."""

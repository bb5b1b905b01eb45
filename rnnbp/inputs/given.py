"""Types of what a caller passes, which is checked when it is used."""

from __future__ import annotations

from typing import Any, TypeAlias

ModelLike: TypeAlias = object
"""A Sequential, Graph, Recurrent or Layer; ``as_model`` raises for others, and says what to do about it."""
SeriesLike: TypeAlias = object
"""x, target or mask: an array of NumPy or another library, what reads slices from a file, or an
iterator of pieces; ``series`` raises for others."""
StateLike: TypeAlias = object
"""Initial states: an array or a tuple for each Recurrent, None for its own; ``initial_states``
raises for others."""
TargetLike: TypeAlias = Any  # None only where the loss needs none, which no type can say
"""The target or mask of some steps: an array, or None where there is none. A loss that needs a target
is never called without one, which is checked once for a run."""

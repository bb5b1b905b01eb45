"""Types of what a caller passes, which is checked when it is used."""

from __future__ import annotations

from typing import Any, TypeAlias

ModelLike: TypeAlias = Any
"""A Sequential, Graph, Recurrent or Layer. Any: ``as_model`` raises for what is none, and says what
to do about it, which a narrower type would keep from callers that check no types."""
SeriesLike: TypeAlias = Any
"""x, target or mask: an array of NumPy or another library, what reads slices from a file, or an
iterator of pieces; ``series`` raises for others."""
StateLike: TypeAlias = Any
"""Initial states: an array or a tuple for each Recurrent, None for its own; ``initial_states``
raises for others."""
TargetLike: TypeAlias = Any
"""The target or mask of some steps: an array, or None where there is none. Any: a loss that needs a
target is never called without one, which is checked once for a run."""

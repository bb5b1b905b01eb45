"""Randomness as a pure function of (seed, place, step): a recomputed step redraws the same numbers.

The generator is counter-based (Philox, Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3"): the key is (seed, place), the counter starts at the step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from rnnbp.ieee import apart
from rnnbp.numerics import Array, Shape, shown

RngLike: TypeAlias = int | np.random.Generator | None


def generator(rng: RngLike) -> np.random.Generator:
    """A Generator from a seed, from a Generator (used as it is), or from fresh entropy (None)."""
    if isinstance(rng, np.random.RandomState):
        raise TypeError("rng is a legacy RandomState; pass an int seed or np.random.default_rng(seed)")
    return apart(np.random.default_rng, rng)


def check_seed(seed: object) -> int:
    """``seed`` as an int in [0, 2**64). Raises TypeError or ValueError."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed must be an integer, found {shown(seed)}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must lie in [0, 2**64), found {seed}")
    return int(seed)


def fold(seed: int, *places: int) -> int:
    """A seed for a place, as one update of a training run: a 64-bit hash of (seed, places)."""
    sequence = np.random.SeedSequence(seed, spawn_key=places)
    return int(apart(sequence.generate_state, 1, np.uint64)[0])


@dataclass(frozen=True, slots=True)
class Context:
    """Where a forward pass stands: for layers that draw random numbers, and for those that make
    floats of integers.

    ``step`` is the first step's place in the whole sequence. ``length`` is None where arrays are of
    one step, (B, features), else the number of steps L of arrays (L, B, features). ``dtype`` is the
    model's.
    """

    seed: int = 0
    step: int = 0
    length: int | None = None
    place: int = 0
    training: bool = True
    dtype: np.dtype[Any] | None = None

    def at(self, place: int) -> Context:
        """The same context for the node numbered ``place``."""
        return replace(self, place=place)

    def uniform(self, shape: Shape, *, every_step: bool = True) -> Array:
        """Floats in [0, 1), float32, of ``shape``: (B, ...), or (L, B, ...) where ``length`` is L.

        The numbers of a step depend on (seed, place, step) alone, not on the chunk that it is in;
        with ``every_step`` false, on (seed, place), the same for all steps.
        """
        if self.length is None:
            return self._draw(self.step if every_step else 0, shape)
        out = np.empty(shape, np.float32)
        for i in range(self.length):
            out[i] = self._draw(self.step + i if every_step else 0, shape[1:])
        return out

    def _draw(self, step: int, shape: Shape) -> Array:
        # As uint64: NumPy takes a list with a number from 2**63 up through float64.
        key = np.array([self.seed, self.place], np.uint64)
        bits = np.random.Philox(key=key, counter=[0, step, 0, 0])
        return np.random.Generator(bits).random(shape, dtype=np.float32)

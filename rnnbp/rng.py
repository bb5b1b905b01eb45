"""Randomness as a pure function of (seed, place, step): a recomputed step redraws the same numbers.

The generator is counter-based (Philox, Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3"): the key is (seed, place), the counter starts at the step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from rnnbp.numerics import Array, Dtype, Shape, shown
from rnnbp.support.ieee import apart

RngLike: TypeAlias = int | np.random.Generator | None


def generator(rng: RngLike) -> np.random.Generator:
    """A Generator from a seed, from a Generator (used as it is), or from fresh entropy (None)."""
    if isinstance(rng, np.random.RandomState):
        raise TypeError(
            "rng is a legacy RandomState; pass an int seed or np.random.default_rng(seed)"
        )
    return apart(np.random.default_rng, rng)


def check_seed(seed: object) -> int:
    """``seed`` as an int in [0, 2**64). Raises TypeError or ValueError."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed must be an integer, found {shown(seed)}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must lie in [0, 2**64), found {seed}")
    return int(seed)


def fold(seed: int, *places: int) -> int:
    """A seed derived from (seed, places), as for one update of a training run: a 64-bit hash."""
    sequence = np.random.SeedSequence(seed, spawn_key=places)
    return int(apart(sequence.generate_state, 1, np.uint64)[0])


@dataclass(frozen=True, slots=True)
class Context:
    """Where a forward pass stands: for layers that draw numbers or turn integers into floats.

    A layer with ``random = True`` receives one as ``forward(x, context=...)``, and draws from it by
    ``uniform`` and ``normal``; help(rnnbp.Layer) has an example. Its numbers depend on the seed,
    the place of the layer in the model and the step alone: not on the chunk that a step is in, on
    the schedule, or on how often a step is run again, and a layer that stands in two places draws
    other numbers in each. A second call returns the same numbers as the first:
    pass a different ``draw`` for others.

    Args:
        seed: the seed of ``bptt``; ``fit`` derives a different one for each update.
        step: the place of the first step in the whole sequence, from 0.
        length: None if arrays are of one step, (B, features), else the number of steps L of arrays
            (L, B, features).
        place: the number of the layer's node in the model.
        training: False in evaluation mode, in which random layers usually return their input.
        dtype: the model's.

    >>> import rnnbp as rb
    >>> context = rb.Context(seed=3, step=20, length=2)
    >>> context.uniform((2, 4, 8)).shape, context.normal((2, 4, 8)).dtype
    ((2, 4, 8), dtype('float32'))
    >>> bool((context.normal((2, 4, 8))[1] == rb.Context(seed=3, step=21).normal((4, 8))).all())
    True
    """

    seed: int = 0
    step: int = 0
    length: int | None = None
    place: int = 0
    training: bool = True
    dtype: Dtype | None = None

    def at(self, place: int) -> Context:
        """The same context for the node numbered ``place``."""
        return replace(self, place=place)

    def uniform(self, shape: Shape, *, every_step: bool = True, draw: int = 0) -> Array:
        """Uniform random numbers in [0, 1).

        Args:
            shape: (B, ...), or (L, B, ...) if ``length`` is L.
            every_step: False for the same numbers at all steps of a sequence.
            draw: 0, 1, ...: each value draws different numbers.

        Returns:
            A float32 array of ``shape``.
        """
        return self._numbers(shape, every_step, draw, normal=False)

    def normal(self, shape: Shape, *, every_step: bool = True, draw: int = 0) -> Array:
        """Normal random numbers of mean 0 and variance 1, independent of those of ``uniform``.

        Args:
            shape: (B, ...), or (L, B, ...) if ``length`` is L.
            every_step: False for the same numbers at all steps of a sequence.
            draw: 0, 1, ...: each value draws different numbers.

        Returns:
            A float32 array of ``shape``.
        """
        return self._numbers(shape, every_step, draw, normal=True)

    def _numbers(self, shape: Shape, every_step: bool, draw: int, *, normal: bool) -> Array:
        if self.length is None:
            return self._draw(self.step if every_step else 0, shape, draw, normal=normal)
        out = np.empty(shape, np.float32)
        for i in range(self.length):
            out[i] = self._draw(self.step + i if every_step else 0, shape[1:], draw, normal=normal)
        return out

    def _draw(self, step: int, shape: Shape, draw: int, *, normal: bool) -> Array:
        # As uint64: NumPy takes a list with a number from 2**63 up through float64.
        key = np.array([self.seed, self.place], np.uint64)
        numbers = np.random.Generator(
            np.random.Philox(key=key, counter=[0, step, draw, int(normal)])
        )
        fill = numbers.standard_normal if normal else numbers.random
        return fill(shape, dtype=np.float32)

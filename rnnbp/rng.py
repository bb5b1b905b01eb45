"""Randomness as a pure function of (seed, place, step): a recomputed step redraws the same numbers.

The generator is counter-based (Philox, Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3"): the key is (seed, place), the counter starts at the step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from rnnbp.numerics import Array, Dtype, Shape, shown
from rnnbp.support.ieee import apart
from rnnbp.support.nearest import hint

RngLike: TypeAlias = int | np.random.Generator | None
Per: TypeAlias = Literal["step", "sequence"]
"""How often numbers change: new at every step, or the same at all steps of a sequence."""


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


def check_per(name: str, value: object) -> Per:
    """``value``, if it is "step" or "sequence". Raises ValueError, or TypeError for no text."""
    if value == "step" or value == "sequence":
        return "step" if value == "step" else "sequence"
    error = ValueError if isinstance(value, str) else TypeError
    raise error(
        f"{name} must be 'step' or 'sequence', found {shown(value)}"
        f"{hint(value, ('step', 'sequence'))}; 'step' draws new numbers at every step, 'sequence' "
        "the same at all steps of a sequence"
    )


def fold(seed: int, *places: int) -> int:
    """A seed derived from (seed, places), as for one update of a training run: a 64-bit hash."""
    sequence = np.random.SeedSequence(seed, spawn_key=places)
    return int(apart(sequence.generate_state, 1, np.uint64)[0])


@dataclass(frozen=True, slots=True)
class Context:
    """Where a forward pass stands: for layers that draw numbers or turn integers into floats.

    A layer with ``random = True`` receives one as ``forward(x, context=...)``, and draws from it by
    ``uniform`` and ``normal``; help(rnnbp.Layer) has an example. Its numbers are a function of

    - the seed of the run,
    - ``place``, the layer's node in the model: a layer that stands in two places draws other
      numbers in each, a cell that stands in two places too,
    - the step in the whole sequence, or with ``per="sequence"`` none,
    - ``draw``, for layers that need several arrays: a second call with the same ``draw`` returns
      the same numbers as the first, so pass 0, 1, 2, ...; an array per step and one per sequence
      of the same ``draw`` have step 0 in common,
    - and whether they are uniform or normal.

    They do not depend on the chunk that a step is in, on the schedule, on how often a step is run
    again, on threads, or on the backend. Row b of a batch has the same numbers however many rows come
    after it; it has other numbers where the features differ.

    Args:
        seed: the seed of ``bptt``; ``fit`` derives a different one for each update.
        step: the place of the first step in the whole sequence, from 0.
        length: None if arrays are of one step, (B, features), else the number of steps L of arrays
            (L, B, features).
        place: the number of the layer's node in the model.
        training: False in evaluation mode, in which random layers usually return their input.
        dtype: the model's.

    >>> import numpy as np, rnnbp as rb
    >>> context = rb.Context(seed=3, step=20, length=2)
    >>> context.uniform((2, 4, 8)).shape, context.normal((2, 4, 8)).dtype
    ((2, 4, 8), dtype('float32'))
    >>> bool((context.normal((2, 4, 8))[1] == rb.Context(seed=3, step=21).normal((4, 8))).all())
    True
    >>> mask = context.uniform((2, 4, 8), per="sequence", draw=1) >= 0.1  # a second draw
    >>> np.array_equal(mask[0], mask[1])
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

    def uniform(
        self, shape: Shape, *, per: Per = "step", draw: int = 0, every_step: bool = True
    ) -> Array:
        """Uniform random numbers in [0, 1): k/2²⁴ for whole numbers k.

        Args:
            shape: (B, ...), or (L, B, ...) if ``length`` is L.
            per: "step" for new numbers at every step, "sequence" for the same at all steps.
            draw: 0, 1, ...: each value draws different numbers.
            every_step: False is an earlier spelling of per="sequence".

        Returns:
            A float32 array of ``shape``.

        Raises:
            ValueError: for another ``per``.
        """
        return self._numbers(shape, per if every_step else "sequence", draw, normal=False)

    def normal(
        self, shape: Shape, *, per: Per = "step", draw: int = 0, every_step: bool = True
    ) -> Array:
        """Normal random numbers of mean 0 and variance 1, independent of those of ``uniform``.

        Args:
            shape: (B, ...), or (L, B, ...) if ``length`` is L.
            per: "step" for new numbers at every step, "sequence" for the same at all steps.
            draw: 0, 1, ...: each value draws different numbers.
            every_step: False is an earlier spelling of per="sequence".

        Returns:
            A float32 array of ``shape``.

        Raises:
            ValueError: for another ``per``.
        """
        return self._numbers(shape, per if every_step else "sequence", draw, normal=True)

    def _numbers(self, shape: Shape, per: Per, draw: int, *, normal: bool) -> Array:
        out: Array = np.empty(shape, np.float32)
        moves = check_per("per", per) == "step"
        stream = Stream(self.seed, self.place, draw, normal=normal)
        if self.length is None:
            stream.fill(out, self.step if moves else 0)
        elif moves:
            for i in range(self.length):
                stream.fill(out[i : i + 1], self.step + i)
        elif self.length:
            stream.fill(out[:1], 0)
            out[1:] = out[0]
        return out


class Stream:
    """The numbers of one draw at one place, step by step.

    They are those of ``numpy.random.Generator(numpy.random.Philox(key=(seed, place), counter=(0,
    step, draw, normal)))``. One generator serves all steps, because making one takes twice as long
    as to draw a thousand numbers.
    """

    def __init__(self, seed: int, place: int, draw: int, *, normal: bool) -> None:
        # As uint64: NumPy takes a list with a number from 2**63 up through float64.
        key = np.array([seed, place], np.uint64)
        self._bits = np.random.Philox(key=key, counter=[0, 0, draw, int(normal)])
        numbers = np.random.Generator(self._bits)
        self._fill = numbers.standard_normal if normal else numbers.random
        self._state = self._bits.state

    def fill(self, out: Array, step: int) -> None:
        """Writes the numbers of a step to a float32 array that lies together."""
        self._state["state"]["counter"][1] = step
        self._bits.state = self._state
        self._fill(dtype=np.float32, out=out)

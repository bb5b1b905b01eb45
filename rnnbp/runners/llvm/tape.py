"""What kernels keep of a chunk, batch first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.numerics import Array, Nest, Shape
from rnnbp.rng import Context
from rnnbp.runners.llvm.packed import PackedArrays
from rnnbp.runners.tapes import CutTape, State, ThinTape


@final
@dataclass(slots=True)
class States(ThinTape):
    """The states around each of a chunk's steps: arrays (L + 1, B, features), of feature shapes."""

    states: list[Array]
    shapes: tuple[Shape, ...]

    def at(self, step: int) -> State:
        return tuple(
            [
                s[step].reshape(-1, *shape).copy()
                for s, shape in zip(self.states, self.shapes, strict=True)
            ]
        )

    def arrays(self) -> list[Array]:
        return list(self.states)


@final
@dataclass(slots=True)
class KernelTape(CutTape):
    """The internals of a chunk.

    xs: the inputs, of which one may be numbers of symbols (L, B). owned: the memory of the states
    and of all other values. given: by name, the addresses of inputs, and of all else that is not
    ``packed``. packed: what lies in the first of ``owned``. known: the states; None where they are
    packed, and of these ``shapes``. ends: the states of which it has the first
    and the last alone.
    """

    context: Context
    xs: tuple[Array, ...]
    known: States | None
    owned: list[Array]
    given: dict[str, int]
    packed: PackedArrays
    shapes: tuple[Shape, ...] = ()
    ends: tuple[int, ...] = ()

    @property
    def states(self) -> States:
        """The states around each step."""
        # Made when they are read: of most chunks in rounds they never are.
        return self.known or States([*map(self._state, range(len(self.shapes)))], self.shapes)

    def _state(self, k: int) -> Array:
        if self.known is not None:
            return self.known.states[k]
        return self.packed.array(self.owned[0], f"H{k}")

    @property
    def addresses(self) -> dict[str, int]:
        """By name, the addresses of inputs, states and other values."""
        return self.packed.addresses(self.owned[0]) | self.given

    @property
    def length(self) -> int:
        full = next(k for k in range(len(self.ends) + 1) if k not in self.ends)
        return len(self._state(full)) - 1

    def at(self, step: int) -> State:
        return self.states.at(step)

    def output(self, k: int, shape: Shape) -> Array:
        """y (L, B, ...), where it is state k: to be read."""
        states = self._state(k)
        y = states[1:].reshape(-1, states.shape[1], *shape)
        y.setflags(write=False)
        return y

    def arrays(self) -> list[Nest]:
        return [*self.xs, *self.owned]

    def cut(self) -> CutTape:
        return self

    @property
    def divisible(self) -> bool:
        return not self.ends

    def finite(self, steps: int) -> bool:
        return all(np.isfinite(states[-steps - 1 :]).all() for states in self.states.states)

    def first(self, steps: int, xs: tuple[Array, ...]) -> KernelTape:
        states = States([s[: steps + 1] for s in self.states.states], self.states.shapes)
        return KernelTape(self.context, xs, states, self.owned, self.given, self.packed)

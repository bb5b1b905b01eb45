"""Code: a cell as a list of primitive operations on the values of one step, forward or backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from rnnbp.compiler.maker import Maker, Values
from rnnbp.compiler.op import Op


@dataclass(frozen=True)
class Code:
    """Operations in order, from ``inputs`` to ``outputs``, which are None where nothing is reached.

    The last ``n_states`` of either are what one step hands to the next: states, or their deltas.
    ``free`` operations have no outputs and are always run: those that make parameter gradients.
    """

    values: Values
    inputs: tuple[int, ...]
    ops: tuple[Op, ...]
    outputs: tuple[int | None, ...]
    n_states: int
    static: tuple[int, ...] = ()
    """The positions of inputs that are the same at every step."""
    renamed: dict[int, int] = field(default_factory=dict, repr=False, compare=False)
    """By values of the code that this was rewritten from, the values that replace them."""
    made: dict[int, Op] = field(init=False, repr=False, compare=False)
    """By value, the operation that gives it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", {v: op for op in self.ops for v in op.outs})

    @property
    def states(self) -> tuple[int, ...]:
        """The inputs that the step before hands on."""
        return self.inputs[len(self.inputs) - self.n_states :]

    @property
    def nexts(self) -> tuple[int | None, ...]:
        """The outputs that are handed on."""
        return self.outputs[len(self.outputs) - self.n_states :]

    @property
    def others(self) -> tuple[int | None, ...]:
        """The other outputs: y of forward code, a delta for each input of backward code."""
        return self.outputs[: len(self.outputs) - self.n_states]

    def users(self) -> dict[int, list[Op]]:
        """By value, the operations that take it."""
        found: dict[int, list[Op]] = {}
        for op in self.ops:
            for v in dict.fromkeys(op.args):
                found.setdefault(v, []).append(op)
        return found

    def depending(self, values: Iterable[int]) -> set[int]:
        """The values that depend on some of ``values``, these included."""
        found = set(values)
        for op in self.ops:
            if not found.isdisjoint(op.args):
                found.update(op.outs)
        return found

    def live(self, outputs: Iterable[int | None] | None = None, *, free: bool = True) -> Code:
        """Without dead operations; for other outputs where they are given."""
        ends = tuple(self.outputs if outputs is None else outputs)
        needed, kept = {v for v in ends if v is not None}, []
        for op in reversed(self.ops):
            if not needed.isdisjoint(op.outs) or (free and not op.outs):
                needed.update(op.args)
                kept.append(op)
        return replace(self, ops=tuple(reversed(kept)), outputs=ends)

    def rewrite(self, change: Callable[[Op, Maker], Sequence[int] | None]) -> Code:
        """The code with each operation changed, or left for None; its arguments are new ones."""
        maker = Maker(self.values)
        known = maker.known
        for op in self.ops:
            present = op.on(tuple([known.get(v, v) for v in op.args]))
            outs = change(present, maker)
            if outs is None:
                outs = maker.put(present)
            known.update(zip(op.outs, outs, strict=True))
        outputs = tuple([None if v is None else known.get(v, v) for v in self.outputs])
        renamed = {v: new for v, new in known.items() if v != new}
        return replace(self, ops=tuple(maker.ops), outputs=outputs, renamed=renamed).live()

    def taking(self, renamed: Mapping[int, int]) -> Code:
        """The same operations on values of other numbers."""
        ops = [op.on(tuple([renamed.get(v, v) for v in op.args])) for op in self.ops]
        return replace(self, ops=tuple(ops))

    def ordered(self) -> Code | None:
        """The same operations, each after those that make its arguments; None for a circle."""
        missing = [len({v for v in op.args if v in self.made}) for op in self.ops]
        takers: dict[int, list[int]] = {}
        for k, op in enumerate(self.ops):
            for v in set(op.args):
                takers.setdefault(v, []).append(k)
        # Sorted, so it is a heap.
        ready, found = [k for k, n in enumerate(missing) if n == 0], list[Op]()
        while ready:
            found.append(op := self.ops[heappop(ready)])
            for k in (k for v in op.outs for k in takers.get(v, [])):
                missing[k] -= 1
                if missing[k] == 0:
                    heappush(ready, k)
        return replace(self, ops=tuple(found)) if len(found) == len(self.ops) else None

"""A tape of 16 bits in the kernels of a cell: what is rounded, read again, and made again.

Kernels compute on arrays of a step or of a block, as an Advance does. Forward, what backward needs
of them is rounded into the tape once it is there; backward reads it from there, before anything
else: so backward has the rounded values whether the chunk was recorded long ago or just now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import final

from rnnbp.compiler.short_tapes import fields_of, making, numbers, states_again
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Buffer, Held, Location, Span, held
from rnnbp.runners.llvm.arrangement import arranged
from rnnbp.runners.llvm.groups import Item, ShortField
from rnnbp.runners.llvm.operands import Operands


@final
class ShortTape:
    """The arrays and items that kernels of a cell have for its tape.

    Args:
        step: the cell. item: bytes of the numbers that it computes with.
    """

    def __init__(self, step: StepCode, item: int) -> None:
        self.step, self.fields = step, fields_of(step.forward)
        self.again = states_again(step)
        """The states that backward makes again, and the tape has at its ends alone."""
        counts = {b: sum(field.count for field in found) for b, found in self.fields.items()}
        # In numbers of the cell's dtype, so that all that counts arrays of the tape counts these.
        self._taped = {b: Buffer(b.name, numbers(n, item)) for b, n in counts.items()}

    def hold(self, arrays: Mapping[Buffer, Held], *, known: bool) -> dict[Buffer, Held]:
        """The arrays of a recording kernel; ``known``: whether all states are there before."""
        half = self.step.forward
        found = dict(arrays) | self._tapes()
        for buffer in self.fields:
            found[buffer] = held(buffer, half.storage.phases[buffer], batched=known)
        for k in () if known else self.again:
            found[half.states[k]] = Held(half.states[k].name, Span("block"))
            found[half.nexts[k]] = Held(half.nexts[k].name, Span("block", 1))
        return found

    def hold_back(self, arrays: Mapping[Buffer, Held]) -> dict[Buffer, Held]:
        """The arrays of the delta recursion."""
        phases = self.step.backward.storage.phases
        read = {b: held(b, phases.get(b, frozenset({"loop"}))) for b in self.fields}
        return dict(arrays) | self._tapes() | read

    def rolled(self) -> list[Buffer]:
        """The states of which a recording kernel holds a block alone."""
        return [self.step.forward.states[k] for k in self.again]

    def items(self, arrays: Mapping[Buffer, Held], *, back: bool) -> dict[str, list[Item]]:
        """By phase, what rounds into the tape at its end, or what reads the tape at its start."""
        found: dict[str, list[Item]] = {"before": [], "loop": [], "after": []}
        for buffer in self.fields:
            whole = "before" if back else "after"
            phase = "loop" if arrays[buffer].span.scope == "step" else whole
            found[phase] += self._moves(buffer, back=back)
        return found

    def making(self, wanted: Sequence[int]) -> tuple[Operands, list[Item]]:
        """The operands and items that make states again, all steps of a block at once.

        Args:
            wanted: the states, of ``again``.
        """
        half = self.step.forward
        code = making(half, self.again, wanted)
        arrays = self.hold(half.arrays(taped=True, rolling=False, known=True), known=True)
        operands = Operands(half.storage, arrays)
        read = {half.storage.location(v).buffer for op in code.ops for v in op.args}
        items = [item for b in self.fields if b in read for item in self._moves(b, back=True)]
        ops = [op for op in half.storage.order if any(op is other for other in code.ops)]
        items += arranged(code, half.storage, operands, ops, {})
        return operands, items

    def _moves(self, buffer: Buffer, *, back: bool) -> Iterable[Item]:
        at = Location(self._taped[buffer])
        return [ShortField(Location(buffer, f.row), at, f, back) for f in self.fields[buffer]]

    def _tapes(self) -> dict[Buffer, Held]:
        return {tape: Held(f"T{tape.name}", Span("chunk")) for tape in self._taped.values()}

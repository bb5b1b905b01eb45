"""What a run holds between its actions: tapes, thin tapes, and checkpoints in slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

from rnnbp.bptt.chunk_tapes import ChunkStates, ChunkTape
from rnnbp.bptt.slots import Slots
from rnnbp.inputs.states import States
from rnnbp.ledger import Ledger
from rnnbp.storage import PathLike


@final
class Holdings:
    """Tapes and thin tapes by chunk, and slots.

    Args:
        ledger: counts their bytes.
        folder: of checkpoints on disk.
    """

    def __init__(self, ledger: Ledger, folder: PathLike | None) -> None:
        self.ledger, self.slots = ledger, Slots(ledger, folder)
        self.tapes: dict[int, ChunkTape] = {}
        self.thin: dict[int, ChunkStates] = {}

    def hold(self, n: int, tape: ChunkTape) -> None:
        """Hold the tape of chunk n."""
        self.tapes[n] = tape
        self.ledger.hold("tape", tape.arrays())

    def hold_all(self, n: int, tapes: Sequence[ChunkTape]) -> None:
        """Hold the tapes of chunks from n on."""
        self.tapes |= enumerate(tapes, n)
        self.ledger.hold("tape", [part for tape in tapes for part in tape.arrays()])

    def release_all(self, chunks: Iterable[int]) -> None:
        """Hold the tapes of these chunks no more."""
        self.ledger.release([part for n in chunks for part in self.tapes.pop(n).arrays()])

    def hold_thin(self, n: int, thin: ChunkStates) -> None:
        """Hold the thin tape of chunk n."""
        self.thin[n] = thin
        self.ledger.hold("thin tape", thin.arrays())

    def take_thin(self, n: int) -> ChunkStates:
        """Return the thin tape of chunk n, which is held no more."""
        thin = self.thin.pop(n)
        self.ledger.release(thin.arrays())
        return thin

    def reads_slot(self, n: int) -> bool:
        """True if Load(n) reads a slot: one in RAM, or one on disk where no tape has that state."""
        tier = self.slots.tiers.get(n)
        taped = any(k in tapes for tapes in (self.tapes, self.thin) for k in (n, n - 1))
        return tier == "ram" or (tier == "disk" and not taped)

    def entering(self, n: int) -> States:
        """Return the state entering chunk n: from its slot, or from a tape that has it."""
        if self.reads_slot(n):
            return self.slots.load(n)
        for tapes in (self.tapes, self.thin):
            if n in tapes:
                return tapes[n].entering()
            if n - 1 in tapes:
                return tapes[n - 1].leaving()
        raise AssertionError(f"simulate lets Load({n}) pass, but nothing holds that state")

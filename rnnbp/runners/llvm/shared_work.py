"""What threads share of a cell's kernels, before anything runs."""

from __future__ import annotations

from abc import abstractmethod

from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import input_name
from rnnbp.runners.llvm import sharing
from rnnbp.runners.llvm.cell import KernelCell
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.steps import StepSizes
from rnnbp.runners.thread_shares import Share


class SharedWork(StepSizes):
    """Sizes of kernels, whose runner takes from here what threads share."""

    cell: KernelCell
    symbols: int

    @property
    @abstractmethod
    def step(self) -> StepCode:
        """The compiled cell."""

    @property
    @abstractmethod
    def recording(self) -> Kernel:
        """The kernel that records a chunk."""

    @property
    def cleared(self) -> tuple[bool, ...]:
        """For each input, whether its delta begins with zeros: nothing reaches it, or steps add."""
        names, static = self.cell.backward.names, self.step.forward.code.static
        inputs = range(self.layout.cell.n_inputs)
        return tuple([f"d{input_name(k)}" not in names or k in static for k in inputs])

    @property
    def in_rounds(self) -> bool:
        cell = self.layout.cell
        one_series = [*cell.pers[: cell.n_inputs]] == ["step"]
        drawn = self.cell.again or self.step.forward.drawn
        return one_series and not drawn and (self.symbols > 0 or not self.cleared[0])

    def flops(self, length: int) -> int:
        return self.recording.flops * length * self.layout.batch

    def workers(self, flops: int, most: int) -> int:
        return sharing.workers(flops, most)

    def share(self, length: int, most: int, *, back: bool = False) -> Share:
        steps = length * self.layout.batch
        if not back:
            return sharing.share(self.recording, self.layout, self.flops(length), most)
        kernel = self.cell.backward
        flops = (kernel.flops + self.cell.gradient_flops) * steps
        return sharing.share(kernel, self.layout, flops, most)

    def units_up_to(self, *, back: bool = False) -> int:
        kernel = self.cell.backward if back else self.recording
        return sharing.units_up_to(kernel, self.layout.dtype)

    def part_of(self, found: Share, *, back: bool = False) -> float:
        kernel = self.cell.backward if back else self.recording
        return sharing.part_of(kernel, self.layout, found)

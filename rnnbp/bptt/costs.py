"""What the actions of a schedule cost in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Seconds of each action on a chunk of L steps: ``fixed[kind] + L · step[kind]``, by the action's name.

    ``fixed`` has also "write" and "read", of a checkpoint on disk, where they were measured. ``byte`` is of each
    byte that is held at the peak: a system takes its time to hand out memory. Printed, it is a table in microseconds.
    """

    fixed: dict[str, float]
    step: dict[str, float]
    byte: float = 0.0

    def seconds(self, counts: dict[str, int], steps: dict[str, int], held: int = 0) -> float:
        """Of actions that occur so often, on so many steps in all, with so many bytes held at the peak."""
        each = (n * self.fixed.get(kind, 0.0) for kind, n in counts.items())
        return sum(each) + sum(n * self.step.get(kind, 0.0) for kind, n in steps.items()) + held * self.byte

    def __str__(self) -> str:
        rows = [f"{kind:<9} {1e6 * each:9.1f} {1e6 * self.step.get(kind, 0):9.1f}" for kind, each in self.fixed.items()]
        return "\n".join([f"{'µs':<9} {'a chunk':>9} {'a step':>9}", *rows])

"""What the actions of a schedule cost in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from rnnbp.numerics import real_number
from rnnbp.storage import JSON
from rnnbp.support.printing import printable

KINDS = ("Advance", "Keep", "Record", "Rebuild", "Backward")


@dataclass(frozen=True)
class Costs:
    """Seconds of each action on a chunk of L steps: ``fixed[kind] + L · step[kind]``.

    Args:
        fixed: seconds of a chunk, by the action's name; also "write" and "read", of a checkpoint on
            disk, if they were measured.
        step: seconds of a step, by the action's name.
        byte: seconds of each byte that is held at the peak, 0 for memory that has been used before.

    Printed, it is a table in microseconds.

    >>> import rnnbp as rb
    >>> costs = rb.calibrate(rb.Sequential(rb.RNN(3, 4)), batch=2)
    >>> costs.step["Record"] > 0
    True
    """

    fixed: dict[str, float]
    step: dict[str, float]
    byte: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.fixed, dict) or not isinstance(self.step, dict):
            raise TypeError(
                "Costs: fixed and step are dicts of seconds by action, as {'Record': 1e-3}; see "
                "calibrate"
            )
        for name, found, more in (
            ("fixed", self.fixed, ("write", "read")),
            ("step", self.step, ()),
        ):
            if set(KINDS) - set(found) or set(found) - {*KINDS, *more}:
                raise ValueError(
                    f"Costs: {name} must have {', '.join(KINDS)}, found "
                    f"{', '.join(map(str, found))}"
                )
        for kind, value in [*self.fixed.items(), *self.step.items(), ("byte", self.byte)]:
            real_number(f"Costs: seconds of {kind}", value, least=0)
        if not all(self.fixed[kind] + self.step[kind] for kind in KINDS):
            raise ValueError(
                "Costs: every action takes time; give each a number above 0, in fixed or in step"
            )

    def seconds(self, counts: dict[str, int], steps: dict[str, int], held: int = 0) -> float:
        """Of actions by their counts, on all their steps, with the bytes held at the peak."""
        each = (n * self.fixed.get(kind, 0.0) for kind, n in counts.items())
        return (
            sum(each)
            + sum(n * self.step.get(kind, 0.0) for kind, n in steps.items())
            + held * self.byte
        )

    def to_dict(self) -> dict[str, JSON]:
        """The fields as JSON, which keeps every bit."""
        return {"fixed": {**self.fixed}, "step": {**self.step}, "byte": self.byte}

    @printable
    def __str__(self) -> str:
        rows = [
            f"{kind:<9} {1e6 * each:9.1f} {1e6 * self.step.get(kind, 0):9.1f}"
            for kind, each in self.fixed.items()
        ]
        return "\n".join([f"{'µs':<9} {'a chunk':>9} {'a step':>9}", *rows])

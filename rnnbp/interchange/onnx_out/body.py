"""The body of a Scan in writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from rnnbp.interchange.onnx_out.parts import Port, Section, Tensor


@final
class Body:
    """The nodes of the body, and the series that it takes.

    Args:
        prepared: what a series outside becomes before the Scan takes it, as it is in reverse order.
    """

    def __init__(self, prepared: Callable[[Tensor], Tensor]) -> None:
        self.section, self.prepared = Section(), prepared
        self.series: list[tuple[Tensor, Tensor]] = []
        """Those that the Scan takes: outside, and one step within."""
        self.known: dict[str, Tensor] = {}
        """By name of a series outside, one step of it within."""

    def take(self, outside: Tensor, given: Tensor, within: Tensor, port: Port) -> Tensor:
        """Make a series an input of the Scan; one step of it.

        Args:
            outside: the series.
            given: what the Scan takes, the series itself or in another order.
            within: one step.
            port: that of the step.
        """
        self.series.append((given, within))
        self.section.inputs.append(port)
        self.known[outside.name] = within
        return within

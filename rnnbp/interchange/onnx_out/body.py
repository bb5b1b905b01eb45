"""The body of a Scan in writing."""

from __future__ import annotations

from typing import final

from rnnbp.interchange.onnx_out.parts import Port, Section, Tensor


@final
class Body:
    """The nodes of the body, and the series that it takes."""

    def __init__(self) -> None:
        self.section = Section()
        self.series: list[Tensor] = []
        """Those that the Scan takes, as they are outside."""
        self.known: dict[str, Tensor] = {}
        """By name of a series outside, one step of it within."""

    def take(self, outside: Tensor, within: Tensor, port: Port) -> Tensor:
        """Make a series an input of the Scan; one step of it.

        Args:
            outside: the series.
            within: one step.
            port: that of the step.
        """
        self.series.append(outside)
        self.section.inputs.append(port)
        self.known[outside.name] = within
        return within

"""How often the library has written into parameters, for those who keep what is made of them."""

from __future__ import annotations

from typing import Final, final


@final
class Writes:
    """A count that grows with each write, of any model."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        """Parameters are about to be written into."""
        self.count += 1


WRITES: Final = Writes()
"""Of this process."""
# One count for all models: a model's own would have to be found from its arrays at every write. A
# write into a different model costs whoever looks one more reading of the weights.

"""The horizon of truncated BPTT: the steps across whose multiples no gradient flows."""

from __future__ import annotations

from rnnbp.numerics import positive_int


def check_horizon(
    horizon: int | None, chunk: int | None, caller: str = ""
) -> tuple[int | None, int | None]:
    """Return the horizon, and the length of chunks, which is the horizon by default.

    Raises:
        TypeError: for a horizon or chunk that is no integer.
        ValueError: for a horizon that is no multiple of the chunk.
    """
    if horizon is None:
        return None, chunk
    horizon = positive_int(f"{caller}horizon", horizon)
    chunk = horizon if chunk is None else positive_int(f"{caller}chunk", chunk)
    if horizon % chunk:
        raise ValueError(
            f"{caller}horizon {horizon} is not a multiple of chunk {chunk}; choose a chunk that "
            "divides it"
        )
    return horizon, chunk


def cuts(horizon: int | None, start: int) -> bool:
    """True if no gradient flows to the steps before ``start``."""
    return bool(horizon and start and start % horizon == 0)

"""Budgets of bytes: read, shown, and what of them is left free."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from rnnbp.numerics import shown as cut
from rnnbp.planning.training_bytes import TrainingBytes

UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9} | {
    f"{letter}{mark}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for mark, base in (("b", 1000), ("ib", 1024))
}
SPARE = 64 * 1024
"""Bytes by which arrays and Python's objects may be more than their estimates."""

ALL = "all"
"""The name of the whole run among budgets of parts."""

TINY = 1000
"""Bytes below which a budget was hardly meant as bytes."""


class BudgetError(ValueError):
    """A budget that is no number of bytes, or in which no schedule fits; names one that does."""

    least: int | None = None
    """That number, where nothing fits in."""
    parts: tuple[str, ...] = ()
    """What takes how much of it, and what leaves that out."""


def too_small(budget: int, least: int, most: Sequence[str] = (), outputs: int = 0) -> BudgetError:
    """The error of a budget where ``least`` bytes apart from the margin would do.

    ``most`` says what takes most of them; ``outputs`` are bytes of y of all steps, if held at once.
    """
    needed = with_margin(least)
    whole = f"y and dy, which this loss needs of all steps at once, take {shown(outputs)} each"
    free = f"{shown(needed - least, up=True)} are left free, for what estimates may be short by"
    return _none_fits(budget, needed, [*[whole] * (outputs > 0), *most, free])


def _none_fits(budget: int, least: int, parts: Sequence[str]) -> BudgetError:
    meant = f"; for megabytes write '{budget} MB'" if budget < TINY else ""
    error = BudgetError(
        f"a budget of {exactly(budget)} is too small for any schedule{meant}; {least:,} bytes are "
        f"enough, as '{shown(least, up=True)}'. Of these, {'; '.join(parts)}"
    )
    error.least, error.parts = least, tuple(parts)
    return error


def remaining(budget: int, held: int) -> int:
    """What a budget leaves to a run while ``held`` bytes are taken all the time; at least 1."""
    return max(1, budget - held)


@contextmanager
def training_budget(budget: int | str, held: TrainingBytes) -> Iterator[None]:
    """Within it, the error of too small a budget says what training holds next to a run."""
    try:
        yield
    except BudgetError as error:
        if error.least is None or not held.total:
            raise
        own = [f"{name} takes {exactly(n)}" for name, n in held.parts.items()]
        whole = _none_fits(parse_budget(budget), error.least + held.total, [*own, *error.parts])
        raise whole from None  # the error itself names a budget that nobody gave


def margin(budget: int) -> int:
    """What is left free, because estimates are within 1 % or 64 KiB."""
    return max(budget // 100, SPARE)


def with_margin(least: int) -> int:
    """The least budget that leaves ``least`` bytes to arrays and Python's objects."""
    return least + max(SPARE, (least - 1) // 99)


def is_budget(checkpoint: object) -> bool:
    """True if a ``checkpoint`` is meant as bytes: a number, or text that begins with one."""
    if isinstance(checkpoint, str):
        return re.match(r"\s*[-+.]?\d", checkpoint) is not None
    return isinstance(checkpoint, int | np.integer) and not isinstance(checkpoint, bool)


def parse_budget(budget: object, what: str = "budget") -> int:
    """Bytes from a number, or text: 1 MB is 10**6 bytes, 1 MiB 2**20. Raises BudgetError."""
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(\d{1,18}(?:\.\d+)?)\s*([a-zA-Z]*)\s*", budget)
        if match is None or match[2].lower() not in UNITS:
            found = f"{what} {cut(budget)} is not a number of bytes"
            raise BudgetError(f"{found}; write as '64 MB', '64 MiB', or an integer")
        value: int = math.floor(float(match[1]) * UNITS[match[2].lower()])
    elif isinstance(budget, bool) or not isinstance(budget, int | np.integer):
        whole = isinstance(budget, float) and budget.is_integer()
        cure = f"give {budget:.0f}, or as '64 MB'" if whole else "write as '64 MB'"
        found = f"{what} must be an integer of bytes or text, found {cut(budget)}"
        raise BudgetError(f"{found}; {cure}")
    else:
        value = int(budget)
    if value < 1:
        raise BudgetError(f"{what} must be at least 1 byte, found {cut(budget)}")
    return value


def exactly(n: int, *, up: bool = False) -> str:
    """Bytes in three digits, and to the byte."""
    return f"{shown(n, up=up)} ({n:,} bytes)" if n >= 1000 else f"{n:,} bytes"


def shown(n: int, *, up: bool = False) -> str:
    """Bytes, for people, in three digits; ``up`` rounds up."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= size:
            digit = 10 ** max(0, len(str(n)) - 3)
            digits = f"{(-(-n // digit) * digit if up else n) / size:.3g}"
            return f"{float(digits):g} {unit}"  # 999.9 kB are 1000 of them, not 1e+03
    return f"{n} B"

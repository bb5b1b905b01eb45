"""Budgets of bytes: read, shown, and what of them is left free."""

from __future__ import annotations

import math
import re

UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9} | {
    f"{letter}{mark}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for mark, base in (("b", 1000), ("ib", 1024))
}


class BudgetError(ValueError):
    """A budget that is no number of bytes, or that no schedule fits in; says the least that would do."""


def too_small(budget: int, least: int) -> BudgetError:
    """The error of a budget that nothing fits in, where ``least`` bytes besides the margin would do."""
    needed = with_margin(least)
    return BudgetError(f"a budget of {shown(budget)} is too small for any schedule; {needed} bytes would do")


def margin(budget: int) -> int:
    """What is left free: measured memory is the ledger's within 1 % or 64 KiB."""
    return max(budget // 100, 64 * 1024)


def with_margin(least: int) -> int:
    """The budget that leaves ``least`` bytes to use."""
    return least + margin(least) + least // 99


def parse_budget(budget: int | str) -> int:
    """Bytes from a number, or from text with a unit: 1 MB is 10**6 bytes, 1 MiB is 2**20. Raises BudgetError."""
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", budget)
        if match is None or match[2].lower() not in UNITS:
            raise BudgetError(f"budget {budget!r} is not a number of bytes; write as '64 MB', '64 MiB', or an integer")
        value: int = math.floor(float(match[1]) * UNITS[match[2].lower()])
    elif isinstance(budget, bool) or not isinstance(budget, int):
        raise BudgetError(f"budget must be an integer of bytes or text, found {budget!r}; write as '64 MB'")
    else:
        value = budget
    if value < 1:
        raise BudgetError(f"budget must be at least 1 byte, found {budget!r}")
    return value


def shown(n: int) -> str:
    """Bytes, for people."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n} B"

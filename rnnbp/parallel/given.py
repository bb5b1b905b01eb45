"""The arrays of shards as they are passed: counted, and checked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rnnbp.checks.arrays import REAL, as_array
from rnnbp.numerics import Array, shown

NUMBERS = f"{REAL}c".replace("b", "")
"""Kinds of dtype that can be summed: no bool, whose sum would be "or"."""
CURE = "give one for each number in parallel.own"


def counted(what: str, values: Iterable[object], own: range) -> Iterator[tuple[str, object]]:
    """What is passed for each shard, with its name in errors, as it is read.

    Raises TypeError or ValueError unless there is one for each of the own shards.
    """
    if not isinstance(values, Iterable) or isinstance(values, Mapping | str):
        raise TypeError(f"{what}: values is a list or a generator, found {shown(values)}; {CURE}")
    count = 0
    for count, value in enumerate(values, 1):
        if count > len(own):
            raise _miscounted(what, f"at least {count}", own)
        yield f"{what}: shard {own[count - 1]}", value
    if count < len(own):
        raise _miscounted(what, str(count), own)


def one(name: str, value: object) -> dict[str, Array]:
    """An array of numbers, under the name ""."""
    return {"": _checked(name, value)}


def several(name: str, value: object) -> dict[str, Array]:
    """Arrays by name. Raises TypeError for anything but a dict."""
    if not isinstance(value, Mapping):
        raise TypeError(
            f"{name} has {shown(value)}; give arrays by name, a dict, or use tree_sum for one array"
        )
    return {key: _checked(f"{name}, {key}", array) for key, array in value.items()}


def _checked(name: str, value: object) -> Array:
    """An array of numbers in the processor's byte order, as sums are."""
    found = as_array(name, value, kinds=NUMBERS)
    return found.astype(found.dtype.newbyteorder("="), copy=False)


def _miscounted(what: str, found: str, own: range) -> ValueError:
    return ValueError(
        f"{what}: values has {found} entries, and this process owns {len(own)} shards; {CURE}"
    )

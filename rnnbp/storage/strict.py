"""JSON within limits of depth and size, which are checked before it is parsed."""

from __future__ import annotations

import json
import math

import numpy as np

from rnnbp.numerics import escaped
from rnnbp.storage.errors import JSON

DEPTH = 200
"""Lists and dicts inside one another; Python's own reader takes some 1,000, or with a raised limit
its stack.
"""
DIGITS = 4300
"""Of an integer, as Python's own limit: reading more takes time that grows with their square."""
ROOM = 4 << 20
"""Bytes that what is read from the smallest file may take; see ``room``."""
_EACH, _CHARACTER = 200, 4
"""Bytes that a list or dict takes, with an element or two, and that any other character takes, at
most.
"""
_STEP = np.zeros(256, np.int8)
_STEP[list(b"[{")], _STEP[list(b"]}")] = 1, -1


def room(size: int) -> int:
    """Bytes that parsed JSON may take, for a file of ``size`` bytes: 8 · size, at least 4 MiB."""
    return max(ROOM, 8 * size)


def parse(text: bytes, most: int) -> JSON:
    """Parse UTF-8 JSON, if the result takes at most about ``most`` bytes of memory.

    Raises ValueError for text that is not JSON or is nested too deep, for a name that occurs twice
    in a dict, for NaN, infinities, and numbers that are too large for a float or have too many
    digits.
    """
    if len(text) > DEPTH:
        _check_size(text, most)
    found: JSON = _DECODER.decode(text.decode())
    return found


def _check_size(text: bytes, most: int) -> None:
    """Check the brackets outside strings, and their depth, with arrays of a byte a character."""
    plain = np.frombuffer(text.replace(rb"\\", b"").replace(rb"\"", b""), np.uint8)
    inside = np.logical_xor.accumulate(plain == ord('"'))
    steps = _STEP[plain]
    steps[inside] = 0
    steps = steps[steps != 0]
    if _CHARACTER * len(text) + _EACH * len(steps) // 2 > most:
        raise ValueError(f"what it says would take more than {most} bytes of memory")
    if len(steps) > DEPTH and int(np.cumsum(steps, dtype=np.int32).max()) > DEPTH:
        raise ValueError(f"lists and dicts in it are nested more than {DEPTH} deep")


def json_text(what: str, value: object) -> str:
    """``value`` as JSON. Raises TypeError for what JSON cannot hold."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"{what} must be JSON: None, bool, finite numbers, str, list, dict; {error}"
        ) from None


def _dict(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{escaped(twice, 80)!r} occurs twice")
    return found


def _float(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise ValueError(f"{text[:40]} is too large a number")
    return found


def _int(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_dict, parse_float=_float, parse_int=_int, parse_constant=_constant
)

"""Mutations of files: bytes cut, flipped and exchanged, JSON edited; checksums may fit."""

from __future__ import annotations

import copy
import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from tests.crafted import BLANK, resealed, sealed

Mutation: TypeAlias = Callable[[bytes, random.Random], bytes]

RAW = {
    "@deep@": "[" * 10**5 + "]" * 10**5,
    "@open@": '{"a":' * 10**5,
    "@NaN@": "NaN",
    "@inf@": "-Infinity",
    "@1e400@": "1e400",
    "@digits@": "9" * 6000,
    "@-0@": "-0",
    "@many@": "[" + "[]," * 3000 + "[]]",
    "@surrogate@": '"\\ud800"',
}
"""Text that stands where JSON cannot be had from Python, by the str in its place."""
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    -(2**63),
    0.0,
    1.5,
    -0.0,
    1e308,
    "",
    "0",
    "F32",
    "BOOL",
    "x" * 300,
    "\x1b[2J\n",
    "\u202e",
    [],
    [0],
    [1, 2],
    [-1, 2],
    [2**62, 2**62],
    [0, 2**63],
    [[]],
    {},
    {"a": 1},
    *RAW,
)
KEYS = (
    "",
    "step",
    "shape",
    "dtype",
    "data_offsets",
    "__metadata__",
    "snapshot",
    "units",
    "\x1b[31m",
    "\u202e",
    "0.weight",
)


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (list or dict, index or key) in a tree of JSON."""
    found = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys = (
            node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        )
        for key in keys:
            found.append((node, key))
            waiting.append(node[key])
    return found


def edit(tree: Any, rng: random.Random) -> None:
    """One change of JSON: a value replaced, removed, added, scaled, or exchanged with another."""
    known = places(tree)
    node, key = rng.choice(known)
    match rng.randrange(6):
        case 0 | 1:
            node[key] = copy.deepcopy(rng.choice(VALUES))
        case 2:
            del node[key]
        case 3 if isinstance(node, dict):
            node[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
        case 4 if isinstance(node[key], int):
            node[key] = rng.choice(
                (
                    node[key] + 1,
                    node[key] - 1,
                    -node[key],
                    node[key] * 2**31,
                    float(node[key]),
                    str(node[key]),
                )
            )
        case _:
            other, name = rng.choice(known)
            node[key], other[name] = copy.deepcopy(other[name]), copy.deepcopy(node[key])


def written(tree: Any, rng: random.Random) -> str:
    """The tree as JSON, with what Python does not write; now and then a name occurs twice."""
    text = json.dumps(tree, separators=(",", ":"))
    for name, raw in RAW.items():
        text = text.replace(json.dumps(name), raw, 1).replace(json.dumps(name), "0")
    names = list(re.finditer(r'"\w+":', text))
    if names and rng.random() < 0.1:
        at = rng.choice(names)
        text = text[: at.start()] + at.group() + "null," + text[at.start() :]
    return text


def edited_json(data: bytes, rng: random.Random) -> bytes:
    """A file of JSON after some changes."""
    tree = json.loads(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        if places(tree):
            edit(tree, rng)
    return written(tree, rng).encode(errors="surrogatepass")


def edited_header(data: bytes, rng: random.Random) -> bytes:
    """A file of tensors after changes of its header or its metadata, with a fitting checksum."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header["__metadata__"]["sha256"] = BLANK
    if rng.random() < 0.5:
        inner = header["__metadata__"]["metadata"].encode()
        header["__metadata__"]["metadata"] = edited_json(inner, rng).decode(errors="replace")
    else:
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        for _ in range(rng.choice((1, 1, 2))):
            if places(tensors):
                edit(tensors, rng)
        header = {"__metadata__": header["__metadata__"]} | tensors
    if rng.random() < 0.05:
        edit(header, rng)
    return sealed(written(header, rng).encode(errors="surrogatepass"), body)


def exchanged(data: bytes, rng: random.Random) -> bytes:
    """A file of tensors of which two have exchanged their headers, or one has another dtype."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header["__metadata__"]["sha256"] = BLANK
    names = [name for name in header if name != "__metadata__"]
    a, b = rng.choice(names), rng.choice(names)
    header[a], header[b] = header[b], header[a]
    if rng.random() < 0.5:
        header[a] = header[a] | {
            "dtype": rng.choice(("I32", "U32", "F32", "F64", "BF16", "BOOL", "U8", "F8_E5M2"))
        }
    return sealed(written(header, rng).encode(), body)


def cut(data: bytes, rng: random.Random) -> bytes:
    """Fewer bytes, or some more."""
    more = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 40)))
    return data + more if rng.random() < 0.2 else data[: rng.randrange(len(data))]


def flipped(data: bytes, rng: random.Random) -> bytes:
    """Some bits are others."""
    broken = bytearray(data)
    for _ in range(rng.randrange(1, 9)):
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    return bytes(broken)


def overwritten(data: bytes, rng: random.Random) -> bytes:
    """Some bytes are others, as JSON has them, or a piece is elsewhere too."""
    broken = bytearray(data)
    if rng.random() < 0.3:
        a, b, n = rng.randrange(len(broken)), rng.randrange(len(broken)), rng.randrange(1, 64)
        broken[a : a + n] = broken[b : b + n]
    for _ in range(rng.randrange(1, 6)):
        broken[rng.randrange(len(broken))] = rng.choice(b'0123456789[]{},:"\\aeEN.-\0\n\x1b\xff')
    return bytes(broken)


def mended(change: Mutation) -> Mutation:
    """The same change under a checksum that fits."""
    return lambda data, rng: resealed(change(data, rng))


def not_finite(data: bytes, rng: random.Random) -> bytes:
    """Some eight bytes of the arrays are numbers that are not finite, or of extreme size."""
    start = 8 + int.from_bytes(data[:8], "little")
    at = start + 4 * rng.randrange(max(1, (len(data) - start) // 4 - 1))
    value = rng.choice((float("nan"), float("inf"), float("-inf"), -1.0, 3e38))
    return resealed((data[:at] + struct.pack("<ff", value, value) + data[at + 8 :])[: len(data)])


PLAIN: tuple[Mutation, ...] = (cut, flipped, overwritten)
TENSORS: tuple[Mutation, ...] = (
    *PLAIN,
    mended(flipped),
    mended(overwritten),
    edited_header,
    edited_header,
    edited_header,
    exchanged,
    not_finite,
)
JSON: tuple[Mutation, ...] = (*PLAIN, edited_json, edited_json, edited_json)


def edited_lines(data: bytes, rng: random.Random) -> bytes:
    """Lines of JSON of which one has been changed, moved, repeated or left out."""
    lines = data.splitlines(keepends=True)
    k, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            lines[k] = edited_json(lines[k], rng) + b"\n" * (rng.random() < 0.9)
        case 1:
            lines.insert(j, lines[k])
        case 2:
            del lines[k]
        case _:
            lines[k], lines[j] = lines[j], lines[k]
    return b"".join(lines)


LINES: tuple[Mutation, ...] = (*PLAIN, edited_lines, edited_lines)

"""What ``rnnbp show`` prints of a safetensors file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from rnnbp.cli.errors import CommandError
from rnnbp.cli.tables import cut, table
from rnnbp.numerics import Shape, escaped
from rnnbp.saving import load
from rnnbp.storage.entries import BFLOAT16, Entry
from rnnbp.storage.errors import JSON
from rnnbp.storage.listing import Listing, listed
from rnnbp.support.reprs import bytes_text, counted
from rnnbp.train.given_weights import MODEL

Row: TypeAlias = tuple[str, Shape, str, int]
"""An array: its name, shape, dtype and bytes."""
CHECKSUM = {
    True: "fits",
    False: "does not fit, the file is damaged",
    None: "none, so that damage within a tensor would not be noticed",
}
LONGEST = 400
"""Characters of a value of the metadata."""


def tensor_lines(path: Path) -> Iterator[str]:
    """A file of tensors, or the model of one that ``rnnbp.save`` wrote.

    Raises StorageError for a file that cannot be read, and CommandError, after all lines, for one
    that its checksum does not fit.
    """
    found = listed(path)
    yield f"format    {_kind(found)}, {bytes_text(found.size)}"
    yield f"checksum  {CHECKSUM[found.fits]}"
    yield from _metadata_lines(found.metadata)
    summary, why = _summary(path, found)
    if summary:
        yield from ("", *map(cut, summary.splitlines()))
    else:
        yield from _tensors(found.entries)
    if why:
        yield from ("", why)
    if found.fits is False:
        raise CommandError(f"{path} is damaged within its tensors; take another copy of it")


def array_table(rows: list[Row]) -> list[str]:
    """Names, shapes, dtypes and bytes of arrays."""
    texts = [
        (escaped(name), str(shape), dtype, bytes_text(nbytes))
        for name, shape, dtype, nbytes in rows
    ]
    return table(("name", "shape", "dtype", "bytes"), texts, ("bytes",))


def _kind(found: Listing) -> str:
    if found.fits is None:
        return "safetensors of a different library"
    if MODEL in found.metadata:
        return "a model of rnnbp.save"
    whole = "a snapshot of a run" if "snapshot" in found.metadata else "weights of rnnbp"
    return f"{whole}, as safetensors"


def _metadata_lines(metadata: dict[str, JSON]) -> Iterator[str]:
    """A line for each value; what a model is made of is in its summary."""
    others = {name: value for name, value in metadata.items() if name != MODEL}
    width = max(map(len, others), default=0)
    for k, (name, value) in enumerate(others.items()):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield cut(f"{'' if k else 'metadata':8}  {escaped(name):{width}}  {escaped(text, LONGEST)}")


def _tensors(entries: list[Entry]) -> Iterator[str]:
    rows = [
        (
            entry.name,
            entry.shape,
            "bfloat16" if entry.dtype == BFLOAT16 else str(entry.dtype),
            entry.end - entry.begin,
        )
        for entry in sorted(entries, key=lambda entry: _natural(entry.name))
    ]
    total = sum(entry.end - entry.begin for entry in entries)
    yield f"tensors   {counted(len(rows), 'tensor')} of {bytes_text(total)}"
    if rows:
        yield from ("", *array_table(rows))


def _natural(name: str) -> list[tuple[int, str]]:
    """Orders "2.weight" before "10.weight"."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)]


def _summary(path: Path, found: Listing) -> tuple[str, str]:
    """The summary of a model, or why there is none."""
    if MODEL not in found.metadata or not found.fits:
        return "", ""
    try:
        return str(load(path).summary()), ""
    except ValueError as error:  # a layer of the user's own
        return "", f"its tensors alone are shown, because {error}"

"""Files of tensors that are wrong, under a checksum that is right."""

from __future__ import annotations

import hashlib
import json
from typing import Any

BLANK = "0" * 64


def header(
    tensors: dict[str, Any] | None = None, metadata: object = None, **changed: Any
) -> dict[str, Any]:
    """The header of a file; ``changed`` replaces keys of its __metadata__."""
    about = {"format": "rnnbp 1", "sha256": BLANK, "metadata": json.dumps(metadata or {})}
    return {"__metadata__": about | changed, **(tensors or {})}


def sealed(text: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    """A file of this header and body, with its checksum where the header has zeros for it."""
    text += b" " * (-len(text) % 8)
    data = (len(text) if length is None else length).to_bytes(8, "little") + text + body
    return data.replace(BLANK.encode(), hashlib.sha256(data).hexdigest().encode(), 1)


def resealed(data: bytes) -> bytes:
    """The same file with the checksum of what it now holds."""
    at = slice(54, 118)
    blank = data[: at.start] + BLANK.encode() + data[at.stop :]
    return data[: at.start] + hashlib.sha256(blank).hexdigest().encode() + data[at.stop :]


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, Any]:
    """What a header says of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def crafted(
    tensors: dict[str, Any] | None = None,
    body: bytes = b"",
    metadata: object = None,
    **changed: Any,
) -> bytes:
    """A whole file of such a header."""
    return sealed(
        json.dumps(header(tensors, metadata, **changed), separators=(",", ":")).encode(), body
    )

"""The characters of a text file."""

from __future__ import annotations

import codecs

from rnnbp.cli.errors import CommandError

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CURE = "convert it, as with iconv -t utf-8, or name its encoding, as --encoding cp1252"
LOOKED_AT, MANY = 2**16, 5
"""Bytes at the beginning that are checked; no UTF-8 text has one zero in MANY of them."""


def known(name: str) -> str:
    """``name`` itself, if Python has such a text encoding. Raises ValueError otherwise."""
    try:
        "a".encode(name)
    except (LookupError, ValueError):  # as base64, which does not encode text; a NUL in it
        raise ValueError(
            f"must be an encoding of texts, as latin-1 or cp1252, found {name!r}"
        ) from None
    return name


def decoded(data: bytes, place: str, encoding: str | None = None) -> str:
    """The characters of a text, without a byte order mark; line endings are unchanged.

    Args:
        encoding: by default that of the byte order mark, or UTF-8.

    Raises CommandError for bytes that are not in that encoding, or are UTF-16 or UTF-32 without a
    mark.
    """
    if encoding is not None:
        return _as_named(data, place, encoding)
    mark, found = next((pair for pair in MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    if found == "utf-8":
        _check_narrow(data[:LOOKED_AT], place)
    try:
        return data[len(mark) :].decode(found)
    except UnicodeDecodeError as error:
        at = len(mark) + error.start
        cure = CURE if found == "utf-8" else "write the file anew"
        raise CommandError(
            f"{place} is not {found.upper()}: byte {at} is 0x{data[at]:02x}; {cure}"
        ) from None


def _check_narrow(head: bytes, place: str) -> None:
    """Raise CommandError for text whose beginning looks like UTF-16 or UTF-32."""
    if (zeros := head.count(0)) * MANY <= len(head):
        return
    wide = "utf-32" if zeros * 2 > len(head) + 1 else "utf-16"
    wide += "be" if head[:1] == b"\0" else "le"
    raise CommandError(
        f"{place} is not UTF-8, it seems to be {wide} without a byte order mark; convert it, as "
        f"with iconv -f {wide} -t utf-8, or give --encoding {wide[:6]}-{wide[6:]}"
    )


def _as_named(data: bytes, place: str, encoding: str) -> str:
    cure = "name the encoding that it has"
    try:
        characters = data.decode(encoding)
        characters.encode()  # half a surrogate pair is not a character
    except UnicodeDecodeError as error:
        what = (
            f"byte {error.start} is 0x{data[error.start]:02x}"
            if error.start < len(data)
            else error.reason
        )
        raise CommandError(f"{place} is not {encoding}: {what}; {cure}") from None
    except UnicodeError as error:
        raise CommandError(f"{place} is not {encoding}: {error}; {cure}") from None
    return characters.removeprefix("\ufeff")

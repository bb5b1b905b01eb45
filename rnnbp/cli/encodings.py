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
CURE = "convert it, as with iconv -t utf-8"
LOOKED_AT, MANY = 2**16, 5
"""Bytes at the beginning that are looked at; one zero in MANY of them or more is no text in
UTF-8."""


def decoded(data: bytes, place: str) -> str:
    """The characters of UTF-8, or of what a byte order mark says, without the mark; ends of lines
    as they are.

    Raises CommandError for bytes that are not of that encoding, or are of UTF-16 or UTF-32 without
    a mark.
    """
    mark, encoding = next((found for found in MARKS if data.startswith(found[0])), (b"", "utf-8"))
    head = data[:LOOKED_AT]
    if encoding == "utf-8" and (zeros := head.count(0)) * MANY > len(head):
        wide = "utf-32" if zeros * 2 > len(head) + 1 else "utf-16"
        wide += "be" if head[:1] == b"\0" else "le"
        cure = CURE.replace("-t", f"-f {wide} -t")
        raise CommandError(f"{place} is not UTF-8, it seems to be {wide} without a byte order mark; {cure}")
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        at = len(mark) + error.start
        found = f"byte {at} is 0x{data[at]:02x}"
        cure = CURE if encoding == "utf-8" else "write the file anew"
        raise CommandError(f"{place} is not {encoding.upper()}: {found}; {cure}") from None

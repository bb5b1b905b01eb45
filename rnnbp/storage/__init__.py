"""Internal: files, written whole or not at all, and read within limits on memory and time."""

from rnnbp.numerics import StorageError
from rnnbp.storage.atomic import remove_leftovers, replacing, sync_folder, write_all, write_atomic
from rnnbp.storage.errors import JSON, PathLike, as_path, write_error
from rnnbp.storage.fields import Fields
from rnnbp.storage.foreign import bfloat16_names, load_any
from rnnbp.storage.reading import check_size, opened, read_bounded
from rnnbp.storage.strict import json_text, parse, room
from rnnbp.storage.tensors import load_tensors, read_header, save_tensors

__all__ = [
    "JSON",
    "Fields",
    "PathLike",
    "StorageError",
    "as_path",
    "bfloat16_names",
    "check_size",
    "json_text",
    "load_any",
    "load_tensors",
    "opened",
    "parse",
    "read_bounded",
    "read_header",
    "remove_leftovers",
    "replacing",
    "room",
    "save_tensors",
    "sync_folder",
    "write_all",
    "write_atomic",
    "write_error",
]

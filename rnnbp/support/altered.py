"""A frozen dataclass with other values of some fields, quickly."""

from __future__ import annotations

from dataclasses import Field
from typing import ClassVar, Protocol, TypeVar


class Frozen(Protocol):
    """A dataclass, frozen and without slots."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


T = TypeVar("T", bound=Frozen)


def altered(instance: T, **values: object) -> T:
    """``dataclasses.replace`` of a class without ``__post_init__``, for what every chunk makes.

    It takes a fifth of the time, as it copies fields in place of calling ``__init__``.
    """
    known, found = vars(instance), object.__new__(type(instance))
    own = vars(found)
    for name in instance.__dataclass_fields__:
        own[name] = known[name]
    own.update(values)
    return found

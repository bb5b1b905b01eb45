"""What every kind of schedule is: frozen data for a number of chunks, which may be left out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar

from rnnbp.actions import Action
from rnnbp.schedules.base import check_count, check_tier
from rnnbp.schedules.counted import counted_from
from rnnbp.schedules.declared import Holds, Marker, Room
from rnnbp.schedules.unsized import Unsized
from rnnbp.support.lazy import cached
from rnnbp.wording.arguments import unknown_option


class SizedSchedule(ABC):
    """A schedule for a number of chunks, which may be left out where all else is named.

    A subclass is a frozen dataclass whose first field is ``chunks``. What it declares of itself
    decides where it appears: see ``schedules.registry``.
    """

    label: ClassVar[str]
    """Its name in comparisons and pictures."""
    marker: ClassVar[Marker]
    """Its marker in pictures."""
    needs_disk: ClassVar[bool] = False
    """Whether it is for a disk only, which comparisons do not have."""

    chunks: int

    def __post_init__(self) -> None:
        """Check the arguments: integers are counts of at least 1.

        A subclass whose arguments have other bounds checks those.
        """
        own = vars(self)
        for name, optional in _counts(type(self)):
            if not optional or own[name] is not None:
                check_count(name, own[name])
        if "tier" in own:
            check_tier(own["tier"])

    @property
    @abstractmethod
    def steps(self) -> int:
        """Chunks run forward in all, reruns included."""

    @property
    def rebuilt(self) -> int:
        """Chunks that are kept as thin tapes and rebuilt."""
        return 0

    @property
    def table_units(self) -> int:
        """Units of the tables that its actions are worked out from; 0 where there are none."""
        return 0

    @property
    def table_bytes(self) -> int:
        """About the bytes that those take while it runs."""
        return 0

    @property
    def holds(self) -> Holds:
        """The most that it holds at once; here counted from its actions."""
        return counted_from(self)

    @property
    def parameters(self) -> str:
        """Its options as text, as "k=4"."""
        names = [name for name in _arguments(type(self))[0] if name != "chunks"]
        return " ".join(
            f"{name}={value}" for name in names if (value := vars(self)[name]) is not None
        )

    @property
    def title(self) -> str:
        """What a plan calls it, options included."""
        return f"{self.label}, {self.parameters}".removesuffix(", ")

    @classmethod
    @abstractmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        """Those that may be the fastest within a budget; what does not fit is left out later."""

    @classmethod
    def planned(cls, room: Room) -> Iterator[SizedSchedule]:
        """Those that a planner tries, which looks at many lengths of chunks: fewer, where there are
        many choices, and none, where another kind is always as good."""
        return cls.choices(room)

    @abstractmethod
    def __iter__(self) -> Iterator[Action]: ...

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]

    # Any: an ``Unsized`` where chunks are left out, which the type of __new__ cannot say.
    def __new__(cls, *args: object, **options: object) -> Any:
        if "__dataclass_params__" not in vars(cls):  # a subclass, with arguments of its own
            return super().__new__(cls)
        place, (names, needed) = cls.__name__, _arguments(cls)
        for name in options:
            if name not in names:
                raise unknown_option(place, name, names)
        missing = [name for name in needed[len(args) :] if name not in options]
        if args and missing:
            ways = f"{place}({', '.join(f'{name}=...' for name in needed[1:])})"
            raise TypeError(
                f"{place}: {', '.join(missing)} missing; the first argument is the number of "
                f"chunks, {place}({', '.join(needed)}); {ways} is for any number of chunks"
            )
        if missing == ["chunks"]:
            cls(1, **options)  # raises where an option is wrong
            return Unsized(cls, tuple((name, options[name]) for name in names if name in options))
        if missing:
            raise TypeError(f"{place}: {', '.join(missing)} missing; give {', '.join(needed)}")
        return super().__new__(cls)

    def __getnewargs__(self) -> tuple[object, ...]:
        return tuple(vars(self)[name] for name in _arguments(type(self))[0])


def table_bytes(actions: Iterable[Action]) -> int:
    """About the bytes of the tables that actions are worked out from; 0 for those without any."""
    return actions.table_bytes if isinstance(actions, SizedSchedule) else 0


@cached
def _arguments(kind: type[SizedSchedule]) -> tuple[list[str], list[str]]:
    """The names of the arguments, and of those that have no default."""
    given = [f for f in fields(kind) if f.init]
    return [f.name for f in given], [f.name for f in given if f.default is MISSING]


@cached
def _counts(kind: type[SizedSchedule]) -> list[tuple[str, bool]]:
    """The arguments that are integers, and whether each may be None."""
    # types are text where a module has annotations from the future
    types = {"int": False, int: False, "int | None": True, int | None: True}
    return [(f.name, types[f.type]) for f in fields(kind) if f.init and f.type in types]

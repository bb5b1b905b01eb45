"""Schedules by name, and what a ``checkpoint`` argument means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields
from numbers import Real

from rnnbp.actions import Action
from rnnbp.schedules.base import HasSchedule, ScheduleLike
from rnnbp.schedules.foreign import Foreign, HasMaxN
from rnnbp.schedules.online import KeepingSweep, Sweep, Sweepable
from rnnbp.schedules.periodic import All, Sqrt
from rnnbp.schedules.registry import KINDS
from rnnbp.support.nearest import hint
from rnnbp.support.printing import as_text
from rnnbp.support.tracebacks import CALLED_AS

NOTHING_AGAIN = "'all', the default, keeps everything and runs nothing again"
PLANNED = (
    "for a plan give a budget, as '64 MB', or a Plan, as rnnbp.plan(model, loss, ...) returns it"
)
MOST = 60
"""Characters of what is no schedule that an error shows."""
NAMED: dict[str, Callable[[int], Iterable[Action]]] = {"all": All, "sqrt": Sqrt}


def resolve(schedule: ScheduleLike, chunks: int) -> Iterable[Action]:
    """The actions of a ``checkpoint`` argument.

    Args:
        schedule: as ``bptt`` takes it as ``checkpoint``.
        chunks: chunks of the sequence.

    Returns:
        A re-iterable of actions.

    Raises ValueError for an unknown name, TypeError for what is not a schedule.

    >>> import rnnbp as rb
    >>> rb.schedules.resolve("all", 3)
    All(chunks=3)
    """
    check_kind(schedule)
    if isinstance(schedule, str):
        schedule = NAMED[schedule]
    found = _of_chunks(schedule, chunks) if callable(schedule) else schedule
    if isinstance(found, HasMaxN):
        return Foreign(found, chunks)
    if not isinstance(found, Iterable) or isinstance(found, Iterator):
        raise TypeError(
            f"a schedule is a re-iterable of actions, as a list, found {type(found).__name__}"
        )
    return found


def _meant(name: str) -> str:
    """What to give instead of an unknown name."""
    known = ", ".join(map(repr, NAMED))
    kind = KINDS.get(name.casefold()) or next(
        (kind for kind in KINDS.values() if kind.__name__.casefold() == name.casefold()), None
    )
    if kind is not None and name.casefold() not in NAMED:
        own = [each.name for each in fields(kind) if each.default is MISSING][1:]
        call = f"{kind.__name__}({', '.join(f'{each}=...' for each in own)})"
        return f"; it is a class, checkpoint=rnnbp.schedules.{call}"
    if name.casefold() in ("none", "off", "false", ""):
        return f"; {NOTHING_AGAIN}"
    if name.casefold() in ("plan", "auto"):
        return f"; {PLANNED}"
    return f"{hint(name, NAMED)}; use {known}, a schedule as Revolve(slots=4), or '64 MB'"


def _of_chunks(schedule: Callable[[int], object], chunks: int) -> object:
    try:
        return schedule(chunks)
    except Exception as error:  # whatever the user's code raises
        name = getattr(schedule, "__name__", type(schedule).__name__)
        error.add_note(
            f"in checkpoint, the function {name}, {CALLED_AS}{chunks}); it is to return a schedule "
            "of chunks"
        )
        raise


def check_kind(schedule: object) -> None:
    """Raise TypeError for a number that is no budget, None, and what else cannot be a schedule.

    Raises ValueError for an unknown name.
    """
    if isinstance(schedule, str) and schedule not in NAMED:
        raise ValueError(f"checkpoint {schedule!r} is unknown{_meant(schedule)}")
    if callable(schedule) or isinstance(schedule, Iterable | HasMaxN):
        return
    cure = "use 'all', 'sqrt', a schedule as Revolve(slots=4), or a budget as '64 MB'"
    if (
        isinstance(schedule, Real)
        and not isinstance(schedule, bool)
        and (size := float(schedule)).is_integer()
    ):
        cure = f"a budget of bytes is an integer or text: give {int(size)}, or as '64 MB'"
    if schedule is None or schedule is False:
        cure = f"{cure}; {NOTHING_AGAIN}"
    if isinstance(schedule, HasSchedule):
        cure = "give its schedule, as plan.schedule, and with it chunk=plan.chunk"
    raise TypeError(f"checkpoint is {_shown(schedule)}, which is no schedule; {cure}")


def _shown(schedule: object) -> str:
    """Its repr, or what it is where that is long."""
    text = as_text(schedule)
    return f"a {type(schedule).__name__}" if len(text) > MOST or "\n" in text else text


def sweep(schedule: ScheduleLike) -> Sweep | KeepingSweep:
    """The sweep of a ``checkpoint`` argument for an unknown number of chunks.

    Args:
        schedule: "all", or ``Online(slots)``.

    Returns:
        A ``Sweep``, or a sweep that keeps everything.

    Raises ValueError for a schedule that needs the number of chunks.

    >>> import rnnbp as rb
    >>> type(rb.schedules.sweep(rb.schedules.Online(3))).__name__
    'Sweep'
    """
    if isinstance(schedule, str) and schedule == "all":
        return KeepingSweep()
    if not isinstance(schedule, Sweepable) or isinstance(schedule, type):
        raise ValueError(
            f"checkpoint {schedule!r} needs to know the number of chunks, and x is a stream; "
            f"give steps=, or use 'all', Online(slots) or a budget"
        )
    return schedule.sweep()

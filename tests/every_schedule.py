"""Schedules of every kind that the library has, for tests of what is true of all of them."""

from __future__ import annotations

from rnnbp.schedules.declared import Room
from rnnbp.schedules.registry import KINDS
from rnnbp.schedules.sized import SizedSchedule


def room(chunks: int) -> Room:
    """What fits in a budget of three slots, or two tapes, with a disk."""
    return Room(
        chunks, slots=3, tapes=2, alpha=2, units=3, tables=10**6, disk=chunks, write=1.5, read=0.5
    )


def every_schedule(chunks: int) -> dict[str, SizedSchedule]:
    """By title: those that a comparison or a planner would try, of every kind."""
    found = [
        schedule
        for kind in KINDS.values()
        for schedule in (*kind.choices(room(chunks)), *kind.planned(room(chunks)))
    ]
    return {f"{schedule.label}: {schedule.title}": schedule for schedule in found}

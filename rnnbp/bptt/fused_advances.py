"""Fused advances: chunks that are advanced one after the other, which kernels run by one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import final

from rnnbp.actions import Action, Advance, Store
from rnnbp.inputs.states import States
from rnnbp.runners.base import FusedRunner


@final
class FusedAdvances:
    """The groups of chunks that are advanced by one call.

    Between the chunks of a group there is nothing but checkpoints in RAM. A group is found while
    the actions go by; its first Advance runs all of it, and the others take their states.
    """

    def __init__(self) -> None:
        self.groups: dict[int, tuple[bool, ...]] = {}
        """By first chunk of a group that has not run: for each of its chunks, whether the state
        after it is stored. That after the last one always counts as stored."""
        self.states: dict[int, States] = {}
        """By chunk, the states of a group that has run, until their actions come."""

    def find(self, actions: Iterable[Action]) -> Iterator[Action]:
        """Yield the same actions; a group is in ``groups`` when its first one is yielded."""
        group: list[Action] = []
        for action in actions:
            simple = isinstance(action, Advance) or (
                isinstance(action, Store) and action.tier == "ram"
            )
            if simple and len(group) < FusedRunner.MOST:
                group.append(action)
                continue
            self._note(group)
            yield from group
            group = [action] if simple else []
            if not simple:
                yield action
        self._note(group)
        yield from group

    def _note(self, group: list[Action]) -> None:
        chunks = [action.n for action in group if isinstance(action, Advance)]
        if len(chunks) > 1:
            stored = {action.n for action in group if isinstance(action, Store)}
            self.groups[chunks[0]] = tuple([n + 1 in stored or n == chunks[-1] for n in chunks])

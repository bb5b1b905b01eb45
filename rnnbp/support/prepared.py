"""What is remembered of a model, a cell or a loss function: all of it is in one weak dictionary.

Whoever remembers something declares it once, next to its use, and looks it up by the owner:

>>> class Model: ...
>>> doubled = Remembered[Model, dict[int, int]](lambda model: {})
>>> model = Model()
>>> doubled.of(model)[2] = 4
>>> doubled.of(model)
{2: 4}

One rule says when it is forgotten: all that is remembered of an owner goes with the owner, and when
a layer that the owner holds is changed by ``Layer.set``. So no key names what can only change that
way. What is remembered must not refer to its owner, which would then live forever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar
from weakref import ref

from rnnbp.support.weak import WeakKeys

K = TypeVar("K")
V = TypeVar("V")


class Holder:
    """An owner that holds layers: what is remembered of it depends on them."""

    layers: Sequence[object] = ()
    """Layers, and holders of layers."""


class Prepared:
    """All that is remembered of one owner. A weak reference to it dies when that is forgotten."""

    __slots__ = ("__weakref__", "values")

    def __init__(self) -> None:
        self.values: dict[object, Any] = {}  # by Remembered, which knows the type of its value


_known: WeakKeys[object, Prepared] = WeakKeys()
_find = _known.find


def prepared(owner: object) -> Prepared:
    """All that is remembered of an owner. Raises TypeError without a hash or weak references."""
    found = _find(ref(owner))
    return _known.setdefault(owner, Prepared()) if found is None else found


class Remembered(Generic[K, V]):
    """One thing that is remembered of each owner.

    Args:
        make: computes it from the owner. Two threads may do so at once; both get the one that came
            first.
    """

    def __init__(self, make: Callable[[K], V]) -> None:
        self.make = make
        self.used = False
        """True once anything has been remembered here, of any owner."""

    def of(self, owner: K) -> V:
        """What is remembered of an owner, computed if it is not known yet."""
        known = _find(ref(owner))
        values = prepared(owner).values if known is None else known.values
        try:
            found: V = values[self]
        except KeyError:
            self.used = True
            found = values.setdefault(self, self.make(owner))
        return found

    def get(self, owner: K) -> V | None:
        """What is remembered of an owner; None if it is not known."""
        known = _known.get(owner)
        found: V | None = None if known is None else known.values.get(self)
        return found

    def put(self, owner: K, value: V) -> None:
        """Remember a value in the place of the one that was known."""
        self.used = True
        prepared(owner).values[self] = value

    def forget(self, owner: K) -> None:
        """Forget this of an owner, and nothing else."""
        known = _known.get(owner)
        if known is not None:
            known.values.pop(self, None)


def forget(owner: object) -> None:
    """Forget all that is remembered of an owner."""
    _known.forget(owner)


def forget_holders(part: object) -> None:
    """Forget all that is remembered of those owners that hold a layer; it has been changed."""
    for owner in _known.live():
        if any(found is part for found in _held(owner)):
            _known.forget(owner)


def _held(owner: object) -> Iterator[object]:
    """An owner and what it holds."""
    waiting = [owner]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, Holder):
            waiting.extend(found.layers)


def forget_all() -> None:
    """Forget all that is remembered of every owner, as a new process would."""
    _known.clear()

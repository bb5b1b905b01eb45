"""Layers are frozen once they are built, so that what is compiled and planned for one stays true.

A layer assigns its attributes in ``__init__``, in those of its bases, and in what they call. When
the outermost returns, the layer is frozen. Elements of parameters are written in place, and options
that a layer declares in ``settable`` change through ``Layer.set``, which forgets what was
remembered of the networks that hold the layer.

Assignment to an option worked before, and goes on with a DeprecationWarning; so does assignment to
any attribute of a layer that is defined outside this library.
"""

from __future__ import annotations

import warnings
from abc import ABCMeta
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

from rnnbp.support.callers import outside
from rnnbp.support.nearest import hint
from rnnbp.support.prepared import forget_holders

Check: TypeAlias = Callable[[str, object], object]
"""(an option as errors call it, its value) -> the value to store; raises TypeError, ValueError."""

PLAIN = (bool, int, float, str, tuple)
"""Types of attributes that ``keeps``, ``scratch`` and ``lower`` depend on; an array changes neither
bytes nor code."""

_building: set[int] = set()
"""Layers whose ``__init__`` runs, by identity: no attribute of a layer tells it, so that copies and
files hold none."""


class FrozenLayerError(AttributeError):
    """An attribute of a layer was assigned or deleted after the layer was built."""


class FrozenAfterInit(ABCMeta):
    """Metaclass of layers: an object may be assigned to until its ``__init__`` has returned."""

    def __call__(
        cls, *args: object, **options: object
    ) -> Any:  # an object of the class, as mypy infers it
        kind: type[Any] = cls  # a class whose __init__ takes these
        layer = kind.__new__(kind, *args, **options)
        if isinstance(layer, kind):
            _building.add(id(layer))
            try:
                kind.__init__(layer, *args, **options)
            finally:
                _building.discard(id(layer))
        return layer


class Frozen(metaclass=FrozenAfterInit):
    """What ``Layer`` takes from here: no assignment after ``__init__``, and ``set``."""

    settable: ClassVar[Mapping[str, Check]] = {}
    """Options that ``set`` may change, each with the function that checks a value."""

    def set(self, **options: object) -> None:
        """Changes options of a built layer, as ``dropout.set(p=0.1)``, from the next run on.

        A model that holds the layer is planned and compiled anew where that depends on it.
        Do not call it while a run uses the layer.

        Args:
            options: those that the layer declares in ``settable``.

        Raises:
            TypeError: for an option that the layer does not have, or that is fixed when it is
            built. ValueError: for a value that the constructor would refuse; no option is changed
            then.

        >>> import rnnbp as rb
        >>> dropout = rb.Dropout(0.5)
        >>> dropout.set(p=0.1)
        >>> dropout
        Dropout(0.1)
        """
        what, known = type(self).__name__, tuple(self.settable)
        for name in options:
            if name not in self.settable:
                cure = f"it has {', '.join(known)}" if known else "build a new layer"
                raise TypeError(
                    f"{what}.set: no option {name!r} can be changed{hint(name, known)}; {cure}"
                )
        checked = {
            name: self.settable[name](f"{what}: {name}", value) for name, value in options.items()
        }
        vars(self).update(checked)
        forget_holders(self)

    def __setattr__(self, name: str, value: object) -> None:
        if id(self) in _building or _is_property(type(self), name):
            super().__setattr__(name, value)
        elif name in self.settable:
            _warn(f"{type(self).__name__}.{name} = ... is deprecated; call set({name}={value!r})")
            self.set(**{name: value})
        else:
            self._thaw(name)
            before = vars(self).get(name)
            super().__setattr__(name, value)
            if isinstance(value, PLAIN) or isinstance(before, PLAIN):
                forget_holders(self)

    def __delattr__(self, name: str) -> None:
        if id(self) not in _building and not _is_property(type(self), name):
            self._thaw(name)
            forget_holders(self)
        super().__delattr__(name)

    def _thaw(self, name: str) -> None:
        """Raise FrozenLayerError for an attribute that is frozen; warn of one that will be."""
        what = type(self).__name__
        if name == "name":
            _warn(f"{what}.name = ... is deprecated; give name= when the layer is built")
        elif type(self).__module__.partition(".")[0] == __package__.partition(".")[0]:
            options = (
                f"set() changes {', '.join(self.settable)}"
                if self.settable
                else "parameters are written in place"
            )
            raise FrozenLayerError(
                f"{what}: a layer is frozen once it is built, and {name!r} cannot be assigned; "
                f"build a new layer; {options}"
            )
        else:
            _warn(
                f"{what}: attribute {name!r} is assigned after __init__, which will raise in a "
                "later version, because layers are frozen then. Return what backward needs as "
                f"saved, write parameters in place, or declare an option, settable = {{{name!r}: "
                f"check}}, and call set({name}=...)"
            )


def _is_property(kind: type, name: str) -> bool:
    """True if a name is a property of a class: its setter decides."""
    return any(isinstance(vars(base).get(name), property) for base in kind.__mro__)


def _warn(text: str) -> None:
    warnings.warn(text, DeprecationWarning, stacklevel=outside())

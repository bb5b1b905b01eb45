"""Arguments that a function does not take: its error says what to give instead.

Python's own says that there is no such argument. Here it names the way around what is not there
yet, what the argument is called in this library, or the nearest name, and all that there are, or
the help that has them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from rnnbp.missing import EXAMPLES, cure_of_arrays, cure_of_count, way_around
from rnnbp.support.nearest import hint
from rnnbp.support.tracebacks import explain_interrupt, shorten
from rnnbp.wording.attributes import PLACES, public
from rnnbp.wording.signatures import Signature, signature_of
from rnnbp.wording.synonyms import synonym

P = ParamSpec("P")
R = TypeVar("R")
LAYERS = ("rnnbp.layers", "rnnbp.graph.cells")
"""Modules whose classes are built from numbers, and called on values."""
VALUES = "rnnbp.graph.values"
LISTED = 8
"""Arguments that an error lists; of more it names the help."""
HELPS = ("rnnbp.compare", "rnnbp.memory", "rnnbp.estimators", *PLACES)
"""Modules that have the help of what is called, the first of them that has its name."""


def takes(*more: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function or method, so that errors about arguments say what to give.

    ``more`` are the names that it takes as ``**options``; without any it takes all, and whoever
    gets them checks them. Raises TypeError when it is called with an argument that it does not
    take.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        plain = inspect.unwrap(function)
        method = next(iter(inspect.signature(plain).parameters), "") == "self"
        has = signature_of(plain, more, method=method)
        name = function.__qualname__ if method else function.__name__

        @wraps(function)
        def checked(*args: P.args, **options: P.kwargs) -> R:
            try:
                if has is not None:
                    _check(name, has, args[method:], options)
                return function(*args, **options)
            except Exception as error:  # whatever it raises: the traceback alone changes
                shorten(error)
                raise
            except KeyboardInterrupt as error:
                explain_interrupt(error, name)
                raise

        return checked

    return decorate


def method_takes(what: str, ways: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """``takes`` for a method, ``what`` in errors; ``ways`` has the cures of arguments."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        has = signature_of(inspect.unwrap(method), method=True)

        @wraps(method)
        def checked(*args: P.args, **options: P.kwargs) -> R:
            try:
                if has is not None:
                    _check_ways(what, has, ways, options)
                    _check(what, has, args[1:], options)
                return method(*args, **options)
            except Exception as error:  # whatever it raises: the traceback alone changes
                shorten(error)
                raise
            except KeyboardInterrupt as error:
                explain_interrupt(error, what)
                raise

        return checked

    return decorate


def _check_ways(
    what: str, has: Signature, ways: Mapping[str, str], options: Mapping[str, object]
) -> None:
    for name in options:
        if name in ways and name not in has.names:
            raise TypeError(f"{what}: unknown option {name!r}; {ways[name]}")


class Named:
    """Base of classes whose constructors say what to give instead of an unknown argument."""

    __slots__ = ()
    if not TYPE_CHECKING:  # which looks at __init__

        def __new__(cls, *args: object, **options: object) -> Self:
            if lacking := getattr(cls, "__abstractmethods__", None):
                _check_written(cls, lacking)
            if args or options:  # a copy is made without arguments
                check_init(cls.__name__, cls.__init__, args, options)
            return super().__new__(cls)


# Any: of whatever a class is built from
def _check_written(kind: type[Any], lacking: frozenset[str]) -> None:
    """Raise TypeError for methods that a base of the library's names; Python refuses the others."""
    own = (each for each in kind.__mro__ if each.__module__.startswith("rnnbp."))
    none: frozenset[str] = frozenset()
    base = next((b for b in own if lacking <= getattr(b, "__abstractmethods__", none)), None)
    if base is None:
        return
    names = " and ".join(sorted(lacking))
    package = ".".join(base.__module__.split(".")[:2])
    path = f"{package}.{base.__name__}"
    if base is kind:
        raise TypeError(
            f"{kind.__name__}: it is a base of classes, which write {names}; see help({path})"
        )
    raise TypeError(
        f"{kind.__name__}: it lacks {names}, which each {base.__name__} of your own needs; "
        f"help({path}) shows one"
    )


class _OfInit:
    """``inspect.signature`` of a class is that of its ``__init__``, in Python 3.11 too."""

    # Any: a class whose __init__ takes anything
    def __get__(self, instance: object, kind: type[Any]) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        if kind.__init__ is object.__init__:
            return inspect.Signature()
        found = inspect.signature(kind.__init__)
        return found.replace(parameters=list(found.parameters.values())[1:])


Named.__signature__ = _OfInit()  # type: ignore[attr-defined]  # not among __slots__


def check_init(
    what: str, init: Callable[..., object], args: tuple[object, ...], options: Mapping[str, object]
) -> None:
    """Raise TypeError where the ``__init__`` of a class does not take a call's arguments.

    Args:
        what: the name of the class.
        init: its ``__init__``.
        args: the arguments without names.
        options: those with names.
    """
    if (
        has := Signature((), (), (), open=False)
        if init is object.__init__
        else signature_of(init, method=True)
    ):
        if args and str(getattr(init, "__module__", "")).startswith(LAYERS):
            _check_built(what, has, args)
        _check(what, has, args, options)


def _check_built(what: str, has: Signature, args: tuple[object, ...]) -> None:
    """Raise TypeError for a layer that is built from what it is to be called on."""
    called = [each for each in args if type(each).__module__ == VALUES]
    # NumPy's numbers have the shape (), and are sizes as Python's are.
    if called or any(getattr(each, "shape", ()) != () for each in args[len(has.places) :]):
        own, on = "..." if has.open else ", ".join(has.needed), "a, b" if len(called) > 1 else "h"
        raise TypeError(
            f"{what}: a layer is built first, and then called on values: {what}({own})({on})"
        )


def _check(
    what: str, has: Signature, args: tuple[object, ...], options: Mapping[str, object]
) -> None:
    n_args = len(args)
    for name in options:
        if name not in has.names:
            raise unknown_option(what, name, has.names)
    if n_args > len(has.places) and not has.open:
        others = [name for name in has.names if name not in has.places]
        cure = cure_of_count(what, args) or (
            f"name the others, as {others[0]}=" if others else "leave out the rest"
        )
        own = ", ".join(has.places) or "nothing"
        raise TypeError(f"{what}: takes {own} by position, found {n_args} arguments; {cure}")
    given = {*has.places[:n_args], *options}
    if missing := [name for name in has.needed if name not in given]:
        if sizes := cure_of_arrays(what, args):
            raise TypeError(f"{what}: {', '.join(missing)} missing; {sizes}")
        call = [name if name in has.places else f"{name}=..." for name in has.needed]
        example = EXAMPLES.get(what) or f"{what}({', '.join(call)})"
        raise TypeError(f"{what}: {', '.join(missing)} missing; give {example}")


def unknown_option(what: str, name: str, known: Collection[str]) -> TypeError:
    """The error of an argument ``name`` that ``what`` does not take."""
    unknown = f"{what}: unknown option {name!r}"
    if own := synonym(name, known):
        return TypeError(f"{unknown}, it is called {own!r} here; {_taken(what, known)}")
    if way := way_around(what, name):
        return TypeError(f"{unknown}; {way}")
    return TypeError(f"{unknown}{hint(name, known)}; {_taken(what, known)}")


def _taken(what: str, known: Collection[str]) -> str:
    """What ``what`` takes: the names, or where they are if there are many."""
    if len(known) <= LISTED:
        return f"it takes {', '.join(known) or 'none'}"
    owner = what.partition(".")[0]
    found = (f"{each}.{what}" for each in HELPS if owner in public(each))
    return f"help({next(found, what)}) has all that it takes"

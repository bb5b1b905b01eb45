"""Objects that a command line names, as ``module:name`` or ``path/file.py:name``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

from rnnbp.cli.errors import CommandError
from rnnbp.support.nearest import hint

HERE = str(Path(__file__).parents[1])
NOTE = "in the code that was named by"


def imported(option: str, text: str) -> object:
    """The object that ``text`` names; the current folder is searched first, as by ``python -m``.

    Raises CommandError if the module or the name is missing. An exception of the module itself
    propagates, with a note.
    """
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name or os.sep in name:
        raise CommandError(
            f"{option} names a function in a module, found {text!r}; write it as {_example(text)}"
        )
    with of_user(option, text):
        module = _file(option, Path(place)) if _is_path(place) else _module(option, place)
    return _attribute(option, module, place, name)


def built(option: str, text: str, found: object) -> object:
    """``found``, or its result if it is a function; its exceptions propagate, with a note."""
    if not (inspect.isroutine(found) or isinstance(found, type)):
        return found
    with of_user(option, text):
        return found()


def needed_arguments(found: object) -> list[str]:
    """The required arguments of a function or class; empty for anything else."""
    if not (inspect.isroutine(found) or isinstance(found, type)):
        return []
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):  # some of C do not say
        return []
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in free]


@contextmanager
def of_user(option: str, text: str) -> Iterator[None]:
    """Run the user's code: its prints go to stderr, its exceptions get a note that says so.

    A CommandError propagates unchanged.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except CommandError:
        raise
    except Exception as error:  # whatever the user's module raises: it gets a note, and propagates
        if not is_of_user(error):
            error.add_note(f"{NOTE} {option} {text}")
        raise


def is_of_user(error: BaseException) -> bool:
    """True if an exception came out of code that an option named."""
    return any(note.startswith(NOTE) for note in getattr(error, "__notes__", ()))


def is_of_library(error: BaseException) -> bool:
    """True if this library raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(HERE)


def _is_path(place: str) -> bool:
    return place.endswith(".py") or os.sep in place or "/" in place


def _example(text: str) -> str:
    name = text.strip(":").removesuffix(".py") or "mymodel"
    return f"{text.strip(':') if text.endswith('.py') else name}:build"


def _module(option: str, name: str) -> ModuleType:
    _search_first(Path.cwd())
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        near = hint(name, [path.stem for path in Path.cwd().glob("*.py")])
        cure = (
            near
            or "; it is searched in the current folder, then where Python finds modules; a file is "
            "path/file.py"
        )
        raise CommandError(f"{option}: there is no module {error.name!r}{cure}") from None
    except (TypeError, ValueError) as error:  # a relative or empty name
        raise CommandError(f"{option}: {name!r} is no name of a module: {error}") from None


def _file(option: str, path: Path) -> ModuleType:
    if not path.is_file():
        near = hint(path.name, [other.name for other in path.parent.glob("*.py")])
        cure = near or "; give a path from the current folder"
        raise CommandError(f"{option}: there is no file {str(path)!r}{cure}")
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_of_the_user"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"{option}: {str(path)!r} is no file of Python; its name ends with .py")
    _search_first(path.resolve().parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as dataclasses and pickles need it
    spec.loader.exec_module(module)
    return module


def _search_first(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _attribute(option: str, module: ModuleType, place: str, name: str) -> object:
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            names = [each for each in dir(found) if not each.startswith("_")]
            near = hint(part, names) or (f"; it has {', '.join(names[:20])}" if names else "")
            if (own := Path.cwd() / f"{place}.py").is_file() and getattr(
                module, "__file__", None
            ) != str(own):
                near += f"; for the file here give {place}.py:{name}"
            where = getattr(module, "__file__", None) or "built into Python"
            raise CommandError(f"{option}: {place} ({where}) has no {part!r}{near}")
        found = getattr(found, part)
    return found

"""What all tests start from."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

if TYPE_CHECKING:  # the plugin is not loaded by all runs
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

if "PYTEST_XDIST_WORKER" in os.environ:
    # Set before NumPy is imported. Threads of BLAS and of kernels spin while they wait, in the way
    # of the other workers' tests. Those of threads name how many they want.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The output of child processes is buffered as a user's is, whatever runs the tests.
os.environ.pop("PYTHONUNBUFFERED", None)


QUICK = "quick and not long"
"""What ``-m quick`` stands for: of the combinations that ``one_in`` leaves out, none is quick."""


def pytest_configure(config: pytest.Config) -> None:
    """Without a compiler all tests run by NumPy; the warning that says so is no failure.

    Nor is the one of a cell that runs as Python, of tests that name every backend in turn.
    """
    for said in ("NumPy runs the cells, which is slower", ".* backend 'llvm' was named"):
        config.addinivalue_line("filterwarnings", f"ignore:{said}:RuntimeWarning")
    config.addinivalue_line(
        "markers",
        "one_in(n, *names): of its combinations of parameters all but a n-th are long; "
        "every value stays, of the parameters that are named, else of all",
    )
    if config.option.markexpr == "quick":
        config.option.markexpr = QUICK


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Under ``-m quick`` leave out files without a quick test, because reading them is slow."""
    if config.option.markexpr != QUICK or collection_path.suffix != ".py":
        return None
    return True if "mark.quick" not in collection_path.read_text(encoding="utf-8") else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as long what ``one_in`` leaves out."""
    found = defaultdict[str, list[pytest.Function]](list)
    for item in items:
        marked = (
            item.get_closest_marker("one_in") is not None
            and item.get_closest_marker("long") is None
        )
        if marked and isinstance(item, pytest.Function):
            found[item.nodeid.split("[")[0]].append(item)
    for combinations in found.values():
        marker = combinations[0].get_closest_marker("one_in")
        assert marker is not None
        n, *names = marker.args
        seen, kept = set[tuple[str, int]](), 0
        for item in sorted(combinations, key=lambda item: crc32(item.nodeid.encode())):
            given = item.callspec.params
            values = {(name, id(given[name])) for name in names or given}
            if values <= seen and (kept + 1) * n > len(combinations):
                item.add_marker(pytest.mark.long)
            else:
                kept += 1
            seen |= values


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Each worker begins with a part of the files, and takes from the others when it is done.

    Tests of a file then share what a process remembers: cells that are compiled, kernels that are
    loaded. Dealt out in turns, half of that is done by every worker.
    """
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getvalue("dist") == "load" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep thousands of tests out of garbage collections, which would go through all each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """Restore SIGINT and SIGHUP, which background jobs and nohup ignore, as would children."""
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)}
    if os.name == "posix":
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def machine_code_of_these_tests_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep kernels, and the secret that they are trusted by, in folders that go with the tests.

    All processes find them there. So is bytecode where none may be written next to the sources:
    otherwise each process that a test starts would compile all modules.
    """
    with pytest.MonkeyPatch.context() as patch:
        shared = tmp_path_factory.getbasetemp()
        shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(shared / "bytecode"))
        for name, folder in (("RNNBP_KERNEL_CACHE", "kernels"), ("XDG_CACHE_HOME", "caches")):
            (shared / folder).mkdir(mode=0o700, exist_ok=True)
            patch.setenv(name, str(shared / folder))
        yield


@pytest.fixture(scope="session", autouse=True)
def files_are_not_awaited_by_the_disk() -> Iterator[None]:
    """No test cuts the power, and a disk takes a tenth of a second for some files.

    Tests of when files are flushed put their own function in its place; child processes flush.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def as_if_there_were_many_processors() -> Iterator[None]:
    """Results with several threads are tested on small machines too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnbp.machine.processors.present", lru_cache(lambda: 8))
        yield


@pytest.fixture
def use_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | str], None]:
    """A function that sets how many threads runs have from there on, until the test ends."""
    return lambda count: monkeypatch.setenv("RNNBP_NUM_THREADS", str(count))


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is empty."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def in_a_folder_with_words(in_an_empty_folder: None) -> None:
    """The working directory holds a small text, words.txt, and nothing else."""
    import numpy as np  # after the threads of BLAS are set, above

    words = np.random.default_rng(0).choice(["ab ", "cde ", "naïve ", "f\n"], 600)
    Path("words.txt").write_text("".join(words), encoding="utf-8")


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for kernels, yet to be made, and a home of its own."""
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    before = os.umask(0o022)
    yield tmp_path / "kernels"
    os.umask(before)

"""An interrupt at each place where Python lets one in.

After calls of C, and at the beginning of functions.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest

from rnnbp.storage.atomic import write_atomic
from rnnbp.support.ieee import ieee
from rnnbp.train.interrupts import Interrupts
from rnnbp.train.lock import FolderLock
from rnnbp.train.metrics_log import MetricsLog
from tests.training import text_run


def interrupted(work: Callable[[], object], place: int) -> bool:
    """Raise KeyboardInterrupt at a place of ``work``; whether it has that many."""
    left, here = [place], sys._getframe().f_code

    def profile(frame: FrameType, event: str, _: Any) -> None:
        code: CodeType = frame.f_code
        if event in ("call", "c_return") and code is not here:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)
    return left[0] <= 0


def everywhere(work: Callable[[], object], holds: Callable[[], object]) -> int:
    """Interrupt ``work`` at each of its places in turn.

    ``holds`` asserts what must hold after each.
    """
    place = 1
    while interrupted(work, place):
        holds()
        place += 1
    return place


def handlers() -> list[Any]:
    return [signal.getsignal(getattr(signal, name)) for name in ("SIGINT", "SIGTERM")]


def leave_twice(work: Any, close: Callable[[], None]) -> None:
    """As ``Trainer.fit`` does."""
    try:
        with work:
            pass
    finally:
        close()


def test_handlers_of_signals() -> None:
    before = handlers()

    def work() -> None:
        interrupts = Interrupts()
        leave_twice(interrupts, interrupts.restore)

    def holds() -> None:
        assert handlers() == before

    assert everywhere(work, holds) > 30


def test_settings_of_numpy() -> None:
    before = np.geterr()

    def holds() -> None:
        assert np.geterr() == before

    assert everywhere(ieee(np.geterr), holds) > 5


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # dropped, which closes it
def test_the_lock_on_a_folder(tmp_path: Path) -> None:
    def work() -> None:
        lock = FolderLock(tmp_path)
        leave_twice(lock, lock.release)

    def holds() -> None:
        assert os.listdir(tmp_path) == []

    assert everywhere(work, holds) > 20


def test_lines_of_metrics_are_closed_once(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics", 0)
    log.close()
    other = MetricsLog(tmp_path / "other", 0)  # which has the same number
    log.close()
    other.write({"step": 1})
    other.close()


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # dropped, which closes it
def test_a_file_that_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def holds() -> None:
        assert os.listdir(tmp_path) == ["file"]
        assert path.read_bytes() in (b"old", b"new")

    assert everywhere(lambda: write_atomic(path, b"new"), holds) > 50


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # dropped, which closes it
def test_a_new_file_that_is_written(tmp_path: Path) -> None:
    numbers = itertools.count()

    def holds() -> None:
        assert not list(tmp_path.glob(".*"))

    assert everywhere(lambda: write_atomic(tmp_path / str(next(numbers)), b"new"), holds) > 50


@pytest.mark.skipif(os.name != "posix", reason="a signal to the process itself")
def test_a_signal_at_the_end_of_a_run_is_passed_on() -> None:
    trainer, data = text_run(
        callbacks=[lambda event: event.metrics["step"] == 2 and signal.raise_signal(signal.SIGINT)]
    )
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(data, steps=2)
    assert trainer.at.step == 2
    assert trainer.fit(data, until_steps=3).reason == "finished"

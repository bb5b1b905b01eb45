"""Checkpoints on disk: written on a thread, checked when read, gone afterwards."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Advance, Backward, Drop, Load, Record, Store
from rnnbp.bptt import slots as module
from rnnbp.bptt.slots import Slots
from rnnbp.ledger import Ledger
from rnnbp.storage import scratch

STATES = (
    (np.arange(6.0).reshape(2, 3), np.full((2, 1), 7, np.float32)),
    (np.array([[1.5], [-0.0]]),),
)


def on_disk(chunks: int) -> list[Any]:
    """Every state on disk but the first, which is in RAM."""
    actions: list[Any] = []
    for n in range(chunks):
        actions += [Store(n, "disk" if n else "ram"), Advance(n)]
    for n in reversed(range(chunks)):
        actions += [Load(n), Record(n), Backward(n), Drop(n)]
    return actions


def run(**options: Any) -> rb.Gradients:
    rng = np.random.default_rng(0)
    model, x, dy = rb.LSTM(3, 4, rng=0), rng.normal(size=(11, 2, 3)), rng.normal(size=(11, 2, 4))
    return rb.bptt(model, x, dy, lambda y, dy: (float((y * dy).sum()), dy), chunk=2, **options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.quick
@pytest.mark.parametrize("tier", ["ram", "disk"])
def test_what_is_loaded_is_what_was_stored(tier: Any, folder: Path) -> None:
    ledger = Ledger()
    slots = Slots(ledger)
    slots.store(3, STATES, tier)
    slots.store(5, STATES[:1], tier)
    for _ in range(2):
        for found, stored in zip(slots.load(3), STATES, strict=True):
            for a, b in zip(found, stored, strict=True):
                assert a.dtype == b.dtype
                assert a.tobytes() == b.tobytes()
    slots.drop(3)
    assert len(slots) == 1
    assert len(slots.load(5)) == 1
    slots.drop(5)
    assert ledger.total == 0
    slots.close()


def test_a_stored_state_is_a_copy(folder: Path) -> None:
    state = ((np.ones((1, 2)),),)
    for tier in ("ram", "disk"):
        slots = Slots(Ledger())
        slots.store(0, state, tier)
        state[0][0][...] = 5
        assert slots.load(0)[0][0].tolist() == [[1, 1]]
        state[0][0][...] = 1
        slots.close()


def test_at_most_one_checkpoint_waits_for_the_disk(folder: Path) -> None:
    ledger = Ledger()
    slots = Slots(ledger)
    size = sum(a.nbytes for arrays in STATES for a in arrays)
    for n in range(5):
        slots.store(n, STATES, "disk")
        assert dict(+ledger.bytes) == {"disk buffer": size}
    slots.close()


@pytest.mark.quick
def test_the_gradients_are_those_of_ram(folder: Path) -> None:
    found, cached = run(checkpoint=on_disk), run()
    assert found.stats.writes == {"ram": 1, "disk": 5}
    assert found.stats.reads == {"ram": 1, "disk": 5}
    assert found.loss == cached.loss
    assert all(np.array_equal(found.grads[path], cached.grads[path]) for path in cached.grads)
    assert list(folder.iterdir()) == []


@pytest.mark.quick
def test_a_damaged_file_is_found_and_parameters_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = module.write

    def damage(*args: Any) -> Any:
        written = write(*args)
        written.file.write(written.start + 4, memoryview(b"\x01"))
        return written

    monkeypatch.setattr(module, "write", damage)
    with pytest.raises(
        rb.StorageError, match="checkpoint 5 on disk was damaged since it was written"
    ):
        run(checkpoint=on_disk)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_file_cut_short_is_found(length: int, folder: Path) -> None:
    slots = Slots(Ledger())
    slots.store(2, ((np.ones((8, 8)),),), "disk")
    slots._disk[2].result().file.file.truncate(length)
    with pytest.raises(rb.StorageError, match="checkpoint 2 on disk was damaged"):
        slots.load(2)
    slots.close()


class FullDisk:
    """A file that takes nothing more."""

    def __init__(self, _: Any) -> None:
        self.closed = False

    def seek(self, _: int) -> None: ...

    def write(self, _: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        self.closed = True


def test_a_full_disk_is_one_clear_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "nameless", FullDisk)
    with pytest.raises(
        rb.StorageError,
        match=r"checkpoint \d is not written to .*No space left on device; free some",
    ):
        run(checkpoint=on_disk)


def test_a_folder_that_is_not_there_is_one_clear_error(folder: Path) -> None:
    slots = Slots(Ledger(), folder / "nowhere")
    slots.store(0, STATES, "disk")
    with pytest.raises(
        rb.StorageError, match=r"checkpoint 0: no file can be made in .*nowhere: No such file"
    ):
        slots.load(0)
    slots.close()


def test_an_exception_leaves_no_file_and_no_thread(folder: Path) -> None:
    import threading

    def fails(y: np.ndarray, dy: np.ndarray) -> Any:
        raise RuntimeError("in the loss")

    rng = np.random.default_rng(0)
    with pytest.raises(RuntimeError, match="in the loss"):
        rb.bptt(
            rb.LSTM(3, 4), rng.normal(size=(11, 2, 3)), None, fails, chunk=2, checkpoint=on_disk
        )
    assert list(folder.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rnnbp-disk")]


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="an open file has a name on Windows")
def test_a_killed_process_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "import os, numpy as np\n"
        "from rnnbp.bptt.slots import Slots\n"
        "from rnnbp.ledger import Ledger\n"
        "slots = Slots(Ledger())\n"
        "slots.store(0, ((np.ones((100, 100)),),), 'disk')\n"
        "slots.load(0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False
    )
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []


def walk(slots: Slots, plain: dict[int, Any], step: int, rng: np.random.Generator) -> None:
    """Store a random checkpoint; if it is there, compare it with the plain one, or drop both."""
    n = int(rng.integers(0, 8))
    if n not in plain:
        plain[n] = ((rng.normal(size=(3, 2)),),)
        slots.store(n, plain[n], "disk" if rng.random() < 0.5 else "ram")
    elif step % 3:
        assert np.array_equal(slots.load(n)[0][0], plain[n][0][0])
    else:
        slots.drop(n)
        del plain[n]


def test_many_stores_and_drops_keep_their_order(folder: Path) -> None:
    """A random walk of stores, loads and drops against a plain dictionary."""
    rng, slots, plain = np.random.default_rng(1), Slots(Ledger()), dict[int, Any]()
    for step in range(300):
        walk(slots, plain, step, rng)
    assert len(slots) == len(plain)
    slots.close()
    slots.close()  # a second time does nothing

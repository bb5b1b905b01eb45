"""Streams and checkpoints on disk, where the disk is memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage.scratch import WORTH, ScratchFile

scratch = import_module("rnnbp.storage.scratch")
MSE = rb.losses.MeanSquaredError()
LINE = "36 35 {device} / {folder} rw,relatime shared:1 - {kind} none rw,size=1k\n"


@pytest.fixture(params=["tmpfs", "ramfs"])
def memory(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of which the system says that it is in memory."""
    device = os.stat(tmp_path).st_dev
    given = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mountinfo"
    other = LINE.format(device="250:250", folder="/", kind="ext4")
    mounts.write_text(other + LINE.format(device=given, folder=tmp_path, kind=request.param))
    monkeypatch.setattr(scratch, "MOUNTS", str(mounts))
    monkeypatch.setattr(scratch, "_warned", set())
    return tmp_path


def pieces(width: int) -> Iterator[np.ndarray]:
    for _ in range(10):
        yield np.zeros((500, 8, width), np.float32)


def test_a_stream_in_memory_is_warned_of_once(memory: Path) -> None:
    model = rb.Sequential(rb.RNN(8, 4, rng=0), rb.Dense(4, 1, rng=1))
    for expected in (1, 0):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            rb.bptt(model, pieces(8), pieces(1), MSE, steps=5000, checkpoint="sqrt", folder=memory)
        said = [str(w.message) for w in found if str(memory) in str(w.message)]
        assert len(said) == expected
        assert all("held in memory" in text and "folder=" in text for text in said)


def test_checkpoints_in_memory_are_warned_of(memory: Path) -> None:
    model, x = rb.RNN(4, 32, rng=0), np.zeros((4, 5120, 4), np.float32)
    schedule = rb.schedules.EveryK(4, 1, "disk")
    with pytest.warns(UserWarning, match="held in memory"):
        rb.bptt(
            model,
            x,
            np.zeros((4, 5120, 32), np.float32),
            MSE,
            checkpoint=schedule,
            chunk=1,
            folder=memory,
        )


def test_a_little_in_memory_is_no_matter(memory: Path) -> None:
    file = ScratchFile(memory)
    file.write(0, memoryview(bytes(WORTH - 1)))
    with pytest.warns(UserWarning, match="held in memory"):
        file.write(WORTH - 1, memoryview(b"a"))
    file.close()


@pytest.mark.parametrize("text", ["", "nonsense\n", "36 35 0:1 - tmpfs\n"])
def test_a_system_that_does_not_say_is_not_warned_of(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(text)
    monkeypatch.setattr(scratch, "MOUNTS", str(mounts))
    file = ScratchFile(tmp_path)
    file.write(0, memoryview(bytes(2 * WORTH)))
    file.close()


def test_a_system_without_a_list_of_mounts_is_not_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "MOUNTS", str(tmp_path / "mountinfo"))
    file = ScratchFile(tmp_path)
    file.write(0, memoryview(bytes(2 * WORTH)))
    file.close()


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="no such folder here")
def test_the_system_s_own_folder_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Linux has one: whether it says so."""
    monkeypatch.setattr(scratch, "_warned", set())
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        kinds = [line.split(" - ")[1].split()[0] for line in lines if line.split()[4] == "/dev/shm"]
    file = ScratchFile("/dev/shm")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        file.write(0, memoryview(bytes(WORTH)))
    file.close()
    assert [w for w in found if "/dev/shm is a tmpfs" in str(w.message)] == found
    assert bool(found) == ("tmpfs" in kinds)

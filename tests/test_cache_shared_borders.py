"""The folder of kernels: root's, spellings, eviction, crashes, full disks."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine import cache, cache_folder, private
from tests.kernel_folders import CODE, KEY, NOBODY, as_root, forged, kept, refused

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of root's that all may read."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


@as_root
def test_roots_folder_serves_other_users(shared: Path, request: pytest.FixtureRequest) -> None:
    file = kept(shared)
    request.getfixturevalue("nobody")
    assert cache.read(KEY) == CODE
    cache.write("4567", CODE)  # quietly nothing
    assert list(shared.iterdir()) == [file]


@as_root
@pytest.mark.parametrize("damage", ["flipped", "another's"])
def test_roots_folder_is_not_trusted_with_what_is_not_roots(
    damage: str, shared: Path, request: pytest.FixtureRequest
) -> None:
    file = kept(shared)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ (damage == "flipped")]))
    os.chown(file, NOBODY if damage == "another's" else 0, 0)
    request.getfixturevalue("nobody")
    refused(
        {
            "flipped": "damaged",
            "another's": f"not to be trusted: {KEY}.kernel belongs to user {NOBODY}",
        }[damage]
    )


@pytest.mark.parametrize("given", ["off", "OFF", "0", "no", "None", "false", " Off "])
def test_spellings_of_off(given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", given)
    cache.write(KEY, CODE)
    assert cache.read(KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_home_and_a_relative_path_are_resolved_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = Path.cwd()
    cache_folder._resolved.cache_clear()
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "~/k")
    assert cache_folder.folder() == tmp_path / "home" / "k"
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "some/k")
    monkeypatch.chdir(tmp_path)
    assert cache_folder.folder() == start / "some" / "k"
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "~nobody-of-this-name/k")
    assert cache_folder.folder() is None
    cache_folder._resolved.cache_clear()


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 3), ("MOST_BYTES", 700)])
def test_the_least_recently_used_files_go_first(
    limit: str, value: int, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, limit, value)
    monkeypatch.setattr(cache, "_written", 1)
    for k in range(6):
        cache.write(str(k), CODE)
        os.utime(kernels / f"{k}.kernel", (time.time() - 10**6 + k,) * 2)
    assert cache.read("3") == CODE  # it is used
    cache.write("6", CODE)
    monkeypatch.setattr(cache, "_written", 0)
    cache.write("7", CODE)
    assert {path.stem for path in kernels.iterdir()} == {"3", "6", "7"}


def test_what_a_crash_left_goes_and_what_is_being_written_stays(
    kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(kernels)
    monkeypatch.setattr(cache, "_written", 0)
    (kernels / f"a{private.TEMPORARY}").write_bytes(b"half")
    (kernels / f"b{private.TEMPORARY}").write_bytes(b"half")
    os.utime(kernels / f"a{private.TEMPORARY}", (time.time() - 2 * cache.STALE,) * 2)
    cache.write("4567", CODE)
    assert {path.name for path in kernels.iterdir()} == {
        f"{KEY}.kernel",
        "4567.kernel",
        f"b{private.TEMPORARY}",
    }


def test_a_full_disk_is_no_error_and_leaves_nothing(
    kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(kernels)
    monkeypatch.setattr(
        os,
        "replace",
        lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")),
    )
    cache.write("4567", CODE)
    assert [path.name for path in kernels.iterdir()] == [f"{KEY}.kernel"]


@as_root
def test_a_planted_kernel_is_not_run(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    x, y = np.ones((5, 2, 3), np.float32), np.zeros((5, 2, 4), np.float32)

    def loss() -> Any:
        return rb.bptt(rb.LSTM(3, 4, rng=0), x, y, rb.losses.MeanSquaredError()).loss

    expected = loss()
    for path in kernels.iterdir():
        path.write_bytes(forged(bytes(32)))
        os.chown(path, NOBODY, 0)
    with pytest.warns(RuntimeWarning, match="not to be trusted") as found:
        assert loss() == expected
    assert len(found) == 1

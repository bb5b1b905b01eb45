"""Machine code on disk, and what is said while it is compiled."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)


import rnnbp as rb
from rnnbp.machine import cache, compile
from tests.kernel_runs import gradients


@pytest.fixture
def fresh_cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder for machine code, without what is compiled once in a process, as products."""
    gradients(rb.RNN(3, 20, rng=0))
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def compiled_again(folder: Any) -> set[str]:
    """Run a new LSTM; the names of what the folder then holds."""
    gradients(rb.LSTM(3, 20, rng=0), progress=False)
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_code_is_kept_on_disk_and_found_again(
    fresh_cache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compiled_again(fresh_cache)
    assert len(first) >= 2
    stamps = {path.name: path.stat().st_mtime_ns for path in fresh_cache.iterdir()}
    monkeypatch.setattr(cache, "write", lambda key, code: pytest.fail("it was compiled again"))
    assert compiled_again(fresh_cache) == first
    assert {path.name: path.stat().st_mtime_ns for path in fresh_cache.iterdir()} == stamps


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "another's"])
def test_damaged_code_is_made_anew_with_one_warning(damage: str, fresh_cache: Any) -> None:
    first = compiled_again(fresh_cache)
    whole = {path: path.read_bytes() for path in fresh_cache.iterdir()}
    others = [*list(whole.values())[1:], *list(whole.values())[:1]]
    for (path, code), other in zip(whole.items(), others, strict=True):
        flipped = code[:99] + bytes([code[99] ^ 1]) + code[100:]
        path.write_bytes(
            {"cut": code[:-9], "flipped": flipped, "empty": b"", "another's": other}[damage]
        )
    with pytest.warns(
        RuntimeWarning, match=r"kernels in .* are damaged; they are compiled anew"
    ) as found:
        assert compiled_again(fresh_cache) == first
    assert len(found) == 1
    assert {path: path.read_bytes() for path in fresh_cache.iterdir()} == whole


def test_without_a_folder_to_write_to(fresh_cache: Any) -> None:
    fresh_cache.write_text("a file where a folder should be")
    gradients(rb.LSTM(3, 20, rng=0))
    assert fresh_cache.read_text() == "a file where a folder should be"


def test_nothing_is_kept_where_it_is_off(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "off")
    gradients(rb.LSTM(3, 20, rng=0))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("RNNBP_KERNEL_CACHE")
    gradients(rb.LSTM(3, 20, rng=0))
    assert len(list((tmp_path / "rnnbp").iterdir())) >= 2


def test_who_waits_for_the_compiler_is_told_once(
    fresh_cache: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled_again(fresh_cache)
    assert capsys.readouterr().err == ""  # nobody looks on
    for path in fresh_cache.iterdir():
        path.unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    compile._announce.cache_clear()
    compiled_again(fresh_cache)
    told = f"rnnbp: compiling kernels for this processor, once for each cell of other sizes; they are kept in {fresh_cache}\n"
    assert capsys.readouterr().err == told
    compiled_again(fresh_cache)
    assert capsys.readouterr().err == ""  # the code was found
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "off")
    compiled_again(fresh_cache)
    alone = "rnnbp: compiling kernels for this processor, for this process alone\n"
    assert capsys.readouterr().err == alone


def test_a_notebook_shows_it_as_no_error(
    fresh_cache: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "ps1", "In : ", raising=False)
    monkeypatch.setattr("rnnbp.support.late_bars.in_notebook", lambda: True)
    compile._announce.cache_clear()
    compiled_again(fresh_cache)
    said = capsys.readouterr()
    assert said.out.startswith("rnnbp: compiling kernels for this processor")
    assert said.err == ""

"""What commands read: models, settings, metrics, texts that cannot be; one line each."""

from __future__ import annotations

import json
import os
import tracemalloc
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.architecture import CELLS, Architecture
from rnnbp.cli.main import main
from rnnbp.storage import StorageError, load_tensors, save_tensors
from rnnbp.train.metrics_log import MetricsLog
from tests.commands import contents, error_of

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

posix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
GOOD = {
    "kind": Architecture.kind,
    "cell": "rnn",
    "layers": 1,
    "units": 4,
    "embedding": 2,
    "dropout": 0.0,
}


@lru_cache
def good_arrays() -> dict[str, Any]:
    return dict(Architecture("rnn", 1, 4, 2).build().params)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_shapes_without_a_model_are_those_of_the_model(
    cell: str, layers: int, dropout: float
) -> None:
    made = Architecture(cell, layers, 5, 3, dropout)
    assert made.shapes() == {name: p.shape for name, p in made.build().params.items()}


CHANGES: dict[str, Any] = {
    "units": [2**20, 10**30, -1, "4", None, 4.0, True, [4], 5],
    "layers": [1000, 10**12, 0, 2, "1", {}],
    "embedding": [2**20, 3, None, "\x1b[31m"],
    "cell": ["gru", "lstm", "transformer\x1b[2J", None, ["rnn"], {}],
    "dropout": [0.5, 1.0, -1, "0", None, True],
    "kind": [None, "another\n", 3],
    "\x1b]0;title\x07": [1],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in CHANGES.items() for value in values]
)
def test_an_architecture_that_the_file_does_not_hold(
    name: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    save_tensors("m", good_arrays(), {"description": {"architecture": GOOD | {name: value}}})
    error_of(capsys, "sample", "m")  # loads modules, which are not the file's
    tracemalloc.start()
    status, line = error_of(capsys, "sample", "m")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 1
    assert line.startswith("rnnbp: m is not a model for this command: ")
    assert line.isprintable()
    assert peak < 2 << 20


@pytest.mark.parametrize(
    "description", [None, 3, "text", [], {}, {"architecture": []}, {"architecture": None}]
)
def test_a_description_of_another_kind(
    description: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    save_tensors("m", good_arrays(), {"description": description})
    status, line = error_of(capsys, "sample", "m")
    assert (status, "found kind None; rnnbp sample steps forward" in line) == (1, True)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_sampled(
    value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = {name: a.copy() for name, a in good_arrays().items()}
    arrays["1.weight_hh"][2, 3] = value
    save_tensors("m", arrays, {"description": {"architecture": GOOD}})
    status, line = error_of(capsys, "sample", "m")
    assert status == 1
    assert f"1.weight_hh has {value} at [2, 3], weights must be finite" in line


def test_the_good_one_is_sampled(capsys: pytest.CaptureFixture[str]) -> None:
    save_tensors("m", good_arrays(), {"description": {"architecture": GOOD}})
    assert main(["sample", "m", "--length", "3"]) == 0
    assert capsys.readouterr().out.startswith("The ")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run of one step."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("t.txt").write_bytes(b"the quick brown fox jumps over the lazy dog. " * 30)
        sizes = "--units 4 --embedding 2 --cell rnn --horizon 8 --batch 2 --steps 1"
        assert main(["train", "--text", "t.txt", "--out", "r", "--quiet", *sizes.split()]) == 0
        return contents()


SETTINGS: dict[str, Any] = {
    "units": [2**20, 2**80, -1, "4", None, 5],
    "layers": [1000, 10**9, 0, 2, 1.0],
    "embedding": [2**20, 0],
    "cell": ["lstm", "x\x1b", None, 3],
    "dropout": ["x", 2, None],
    "horizon": [0, "8", 1.5, None],
    "batch": [0, [], True],
    "epochs": [0, "1"],
    "steps": [-1, 0.5],
    "lr": ["x", None, -1],
    "clip": [None, "1"],
    "checkpoint": [0, None, "some", ["all"]],
    "chunk": [0, "x"],
    "seed": [-1, 2**64, None],
    "threads": [0, 10**9, "2"],
    "shards": [0, "2", 2, 3],
    "text": [3, ["a"], "a\0b", "/dev/zero", "\x1b[2J"],
    "more\x1b": [1],
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in SETTINGS.items() for value in values]
)
def test_settings_that_cannot_be(
    name: str, value: Any, begun: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(begun["r/run.json"])
    found["settings"][name] = value
    refused_run(begun | {"r/run.json": json.dumps(found).encode()}, capsys)


def refused_run(files: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of resuming a run of these files; they are as they were."""
    Path("r").mkdir()
    for name, data in files.items():
        Path(name).write_bytes(data)
    tracemalloc.start()
    status, line = error_of(capsys, "train", "--resume", "r", "--quiet")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 1
    assert line.isprintable()
    assert {name: data for name, data in contents().items() if name in files} == files
    assert peak < 4 << 20
    return line


WHOLE: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "nested": b"[" * 10**5,
    "no text": b'{"settings": {}}',
    "settings a list": b'{"settings": [], "text": {}}',
    "NaN": b'{"settings": {"lr": NaN}, "text": {}}',
    "1e400": b'{"settings": {"lr": 1e400}, "text": {}}',
    "twice": b'{"settings": {}, "settings": {}, "text": {}}',
    "not UTF-8": b'{"settings": {"text": "\xff"}}',
    "too large": b" " * (2 << 20),
    "UTF-16": '{"settings": {}}'.encode("utf-16"),
    "text a number": b'{"settings": {}, "text": {"source": 3, "sha256": "x", "characters": 1}}',
    "characters": b'{"settings": {}, "text": {"source": "", "sha256": "x", "characters": -1}}',
}


@pytest.mark.parametrize("case", WHOLE)
def test_settings_of_another_kind(
    case: str, begun: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused_run(begun | {"r/run.json": WHOLE[case]}, capsys)
    assert "r/run.json" in line


def lines(*steps: int) -> bytes:
    return b"".join(b'{"step": %d, "loss": 0.5}\n' % step for step in steps)


KEPT: dict[str, tuple[bytes, int, bytes]] = {
    "none": (b"", 3, b""),
    "all": (lines(1, 2, 3), 3, lines(1, 2, 3)),
    "later ones": (lines(1, 2, 3, 4, 5), 3, lines(1, 2, 3)),
    "two runs in one file": (lines(1, 2, 3, 4, 5, 3, 4, 5), 3, lines(1, 2, 3)),
    "one cut short": (lines(1, 2) + b'{"step": 3, "lo', 3, lines(1, 2)),
    "one without its newline": (lines(1, 2, 3)[:-1], 3, lines(1, 2)),
    "zeros after a power cut": (lines(1, 2) + bytes(5000), 2, lines(1, 2)),
    "garbage behind": (lines(1, 2) + b"\xff\xfe\n[[[[\n" + lines(3), 2, lines(1, 2)),
    "a line without end": (lines(1) + b"[" * (3 << 20), 1, lines(1)),
    "a step that is no number": (lines(1) + b'{"step": "2"}\n', 1, lines(1)),
    "a step of many digits": (lines(1) + b'{"step": %s}\n' % (b"9" * 5000), 1, lines(1)),
}


@pytest.mark.parametrize("case", KEPT)
def test_lines_that_are_kept(tmp_path: Path, case: str) -> None:
    data, step, expected = KEPT[case]
    (tmp_path / "m").write_bytes(data)
    log = MetricsLog(tmp_path / "m", step)
    log.write({"step": step + 1})
    log.close()
    assert (tmp_path / "m").read_bytes() == expected + b'{"step": %d}\n' % (step + 1)


@pytest.mark.parametrize(
    "bad",
    [b"\0\0\0\n", b"{}\n", b"[" * 10**5 + b"\n", b'{"step": true}\n', b'{"step": 1, "step": 2}\n'],
)
def test_a_damaged_line_before_good_ones_is_named_and_stays(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "m").write_bytes(lines(1) + bad + lines(3))
    with pytest.raises(
        StorageError, match=r"m: line 2 is damaged; repair it, or move the file away"
    ):
        MetricsLog(tmp_path / "m", 3)
    assert (tmp_path / "m").read_bytes() == lines(1) + bad + lines(3)


@posix
@pytest.mark.parametrize("what", ["pipe", "folder"])
def test_metrics_that_are_no_file(tmp_path: Path, what: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="not a regular file"):
        MetricsLog(tmp_path / what, 3)


@posix
@pytest.mark.parametrize("path", ["pipe", "/dev/zero", "/dev/null", "/dev/urandom", "-", "link"])
def test_texts_without_an_end(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe")
    Path("link").symlink_to("pipe")
    status, line = error_of(capsys, "train", "--text", path, "--out", "r")
    assert status == 1
    assert "save it to a file, and name that" in line
    assert not Path("r").exists()


def test_a_text_that_is_too_large(capsys: pytest.CaptureFixture[str]) -> None:
    with open("t.txt", "wb") as file:
        file.truncate(2**31 + 1)
    status, line = error_of(capsys, "train", "--text", "t.txt", "--out", "r")
    assert (status, "at most 2147483648 can be" in line) == (1, True)


@posix
def test_a_model_that_is_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe")
    status, line = error_of(capsys, "sample", "pipe")
    assert (status, line) == (
        1,
        "rnnbp: pipe is not a regular file; give the path of a file to read",
    )


def test_names_of_weights_reach_the_terminal_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    save_tensors(
        "m", good_arrays() | {"\x1b[2J\n": np.zeros(1)}, {"description": {"architecture": GOOD}}
    )
    assert load_tensors("m")[0]["\x1b[2J\n"].size == 1
    status, line = error_of(capsys, "sample", "m")
    assert (status, r"\x1b[2J\n is unexpected" in line) == (1, True)
    assert rb.StorageError("a\x1bb").args == (r"a\x1bb",)

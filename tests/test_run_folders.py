"""One run folder, one run; and a run that was stopped before it had begun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.main import main
from rnnbp.train import Trainer, locked_files
from rnnbp.train.lock import FolderLock
from tests.training import lines

ROOT = Path(__file__).parent.parent
TINY = ["--units", 12, "--embedding", 5, "--batch", 4, "--horizon", 10]


# One folder, one run


def model_run(folder):
    model = rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 1, rng=1))
    return Trainer(model, rb.optim.Adam(model), rb.losses.MeanSquaredError(), folder=folder)


class Source:
    """Batches of ones; ``then`` is called once, while a run takes a batch."""

    batches_per_epoch, then = 4, None

    def batch(self, epoch, index):
        if self.then:
            call, self.then = self.then, None
            call()
        x = np.ones((3, 2, 3), np.float32)
        return rb.train.Batch(x, x[..., :1], None, fresh=True)


def steps_in(folder):
    return [line["step"] for line in lines(folder)]


@pytest.mark.parametrize("resumed", [True, False], ids=["resumed", "new"])
def test_a_second_run_in_the_same_folder_is_refused(tmp_path, resumed):
    model_run(tmp_path).fit(Source(), steps=2)
    one, other, source = model_run(tmp_path).resume(), model_run(tmp_path), Source()
    other = other.resume() if resumed else other
    refused = []

    def second():
        with pytest.raises(
            rb.StorageError, match=rf"is in use by process {os.getpid()} on .*; wait for its end"
        ) as e:
            other.fit(Source(), steps=5)
        refused.append(e)

    source.then = second
    one.fit(source, steps=5)
    assert len(refused) == 1
    assert steps_in(tmp_path) == [1, 2, 3, 4, 5]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "metrics.jsonl",
        "model.safetensors",
        "snapshot.safetensors",
    ]


def test_a_run_that_stands_behind_the_files_is_refused(tmp_path):
    """Both stood at step 2; the first has gone on to 5, and is not written over."""
    model_run(tmp_path).fit(Source(), steps=2)
    one, other = model_run(tmp_path).resume(), model_run(tmp_path).resume()
    one.fit(Source(), steps=5)
    with pytest.raises(
        rb.StorageError, match=r"another run has written snapshot\.safetensors since this one did"
    ):
        other.fit(Source(), steps=6)
    assert steps_in(tmp_path) == [1, 2, 3, 4, 5]
    other.resume().fit(Source(), steps=6)
    assert steps_in(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_a_run_within_itself_is_refused():
    trainer, source = model_run(None), Source()
    source.then = lambda: trainer.fit(Source(), steps=9)
    with pytest.raises(RuntimeError, match="it is training already"):
        trainer.fit(source, steps=3)
    assert trainer.fit(Source(), steps=3).steps == 3


def forked(work):
    """The id of a forked child that runs ``work`` and ends with the status that it returns."""
    child = os.fork()
    if child:
        return child
    try:
        os._exit(work())
    finally:
        os._exit(1)


def test_a_forked_child_neither_keeps_the_lock_nor_writes(tmp_path):
    """The child outlives its parent's run; what it would write is refused."""
    trainer, source, reader_writer, found = model_run(tmp_path), Source(), os.pipe(), []

    def add():
        try:
            trainer.folder.add({"step": 99})
        except rb.StorageError:
            os.read(reader_writer[0], 1)  # until the parent has seen that the folder is free
            return 7
        return 1

    source.then = lambda: found.append(forked(add))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks while threads run
        trainer.fit(source, steps=2)
    with FolderLock(tmp_path):
        os.write(reader_writer[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(found[0], 0)[1]) == 7
    assert steps_in(tmp_path) == [1, 2]
    for number in reader_writer:
        os.close(number)


def test_the_lock_of_a_process_that_was_killed_is_taken_over(tmp_path):
    code = (
        "from rnnbp.train.lock import FolderLock; from pathlib import Path; lock = "
        "FolderLock(Path('.')).take(); "
        + ("print('held', file=sys.stderr, flush=True); sys.stdin.read()")
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; {code}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline() == "held\n"
    with pytest.raises(rb.StorageError, match=f"is in use by process {process.pid} on "):
        FolderLock(tmp_path).take()
    process.kill()
    process.communicate()
    assert (tmp_path / ".lock").exists(), "it left its file"
    with FolderLock(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_mount_without_locks_trains_with_a_warning(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locked_files.fcntl, "flock", unsupported)
    with pytest.warns(UserWarning, match=r"locks do not work there \(Operation not supported\)"):
        model_run(tmp_path).fit(Source(), steps=2)
    assert steps_in(tmp_path) == [1, 2]


# A run that has not begun


def command(*args):
    return main([str(arg) for arg in args])


@pytest.fixture
def unstarted(tmp_path, monkeypatch):
    """A folder as a command leaves it that is killed while it writes its first snapshot."""
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("ab cd efg hij klm\n" * 80)
    assert (
        command("train", "--text", "words.txt", *TINY, "--steps", 3, "--out", "r", "--quiet") == 0
    )
    for name in ("metrics.jsonl", "model.safetensors", "snapshot.safetensors", "result.json"):
        os.remove(f"r/{name}")
    for name in (".snapshot.safetensors.0a1b2c3d.tmp", ".run.json.0a1b2c3d.tmp", ".lock"):
        Path("r", name).write_bytes(b"half")
    return ["train", "--text", "words.txt", *TINY, "--steps", 3, "--quiet"]


WHOLE = ["metrics.jsonl", "model.safetensors", "result.json", "run.json", "snapshot.safetensors"]


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_run_that_was_stopped_before_its_first_snapshot_is_begun_again(unstarted):
    assert command(*unstarted, "--out", "r", "--lr", 0.02) == 0
    assert names_in("r") == WHOLE
    assert json.loads(Path("r/run.json").read_text())["settings"]["lr"] == 0.02


def test_a_run_that_was_stopped_before_its_first_snapshot_is_resumed(unstarted):
    assert command(*unstarted, "--out", "other") == 0
    assert command("train", "--resume", "r", "--quiet") == 0
    assert names_in("r") == WHOLE
    assert Path("r/model.safetensors").read_bytes() == Path("other/model.safetensors").read_bytes()


@pytest.mark.parametrize("text", ['{"mine": 1}', "notes", "[]"])
def test_somebodys_own_file_of_that_name_stays(unstarted, text, capsys):
    Path("r/run.json").write_text(text)
    assert command(*unstarted, "--out", "r") == 1
    assert "--out r is not empty" in capsys.readouterr().err
    assert Path("r/run.json").read_text() == text


def test_a_command_in_a_folder_in_use_is_refused(unstarted, capsys):
    with FolderLock(Path("r")):
        for args in ([*unstarted, "--out", "r"], ["train", "--resume", "r"]):
            assert command(*args) == 1
            assert f"rnnbp: r is in use by process {os.getpid()} on " in capsys.readouterr().err


def test_a_first_snapshot_that_fails_can_be_tried_again(tmp_path, monkeypatch, capsys):
    """The disk is full for all but small files; then there is room again."""
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("ab cd efg hij klm\n" * 80)
    args = ["train", "--text", "words.txt", *TINY, "--steps", 3, "--quiet", "--out", "q"]
    with monkeypatch.context() as patch:
        patch.setattr("rnnbp.train.folder.save_snapshot", full_disk)
        assert command(*args) == 1
    assert "no room" in capsys.readouterr().err
    assert names_in("q") == ["run.json"]
    assert command(*args) == 0
    assert names_in("q") == WHOLE


def full_disk(*_):
    raise rb.StorageError("no room")


def test_a_run_goes_on_elsewhere_on_purpose(unstarted, monkeypatch, capsys):
    assert command(*unstarted, "--out", "r") == 0
    monkeypatch.setattr(np, "show_config", lambda mode: {"SIMD Extensions": {"found": ["VSX9"]}})
    assert command("train", "--resume", "r", "--quiet") == 1
    assert "--resume r cannot go on: resume from r/snapshot.safetensors" in (
        said := capsys.readouterr().err
    )
    assert "processor was" in said
    assert command("train", "--resume", "r", "--quiet", "--override", "processor,libraries") == 0
    assert command(*unstarted, "--out", "s", "--override", "processor") == 1
    assert "--override goes with --resume" in capsys.readouterr().err

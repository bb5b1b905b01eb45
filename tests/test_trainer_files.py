"""The files of a training run: never written over, complete whenever the process stops."""

from __future__ import annotations

import os

import pytest

from rnnbp.storage import StorageError, load_tensors
from tests.disks import filling
from tests.trainer_runs import STEPS, whole
from tests.training import lines, outcome, text_run


def test_a_folder_with_a_run_is_not_written_over(tmp_path):
    trainer, data = text_run(folder=tmp_path / "a" / "b")
    trainer.fit(data, steps=2)
    before = outcome(tmp_path / "a" / "b")
    trainer, data = text_run(folder=tmp_path / "a" / "b")
    with pytest.raises(
        StorageError,
        match=r"already holds snapshot\.safetensors, metrics\.jsonl, model\.safetensors",
    ):
        trainer.fit(data, steps=3)
    assert outcome(tmp_path / "a" / "b") == before


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    trainer, data = text_run(folder=tmp_path / "a")
    with pytest.raises(StorageError, match="cannot be made: File exists"):
        trainer.fit(data, steps=1)


def test_metrics_and_description(tmp_path):
    trainer, data = text_run(folder=tmp_path, description={"cell": "LSTM", "n": [4]})
    history = trainer.fit(data, epochs=2)
    found = lines(tmp_path)
    assert [line["step"] for line in found] == list(range(1, history.steps + 1))
    assert [line["epoch"] for line in found] == [0] * 4 + [1] * 4
    assert [line["loss"] for line in found] == history.losses
    assert [
        line["validation"] for line in found if "validation" in line
    ] == history.validation_losses
    assert (
        [line["step"] for line in found if "validation" in line]
        == history.validation_steps
        == [2, 4, 6, 8]
    )
    assert history.seconds > 0
    for name in ("snapshot", "model"):
        assert load_tensors(tmp_path / f"{name}.safetensors")[1]["description"] == {
            "cell": "LSTM",
            "n": [4],
        }


def test_lines_are_on_disk_before_a_snapshot_counts_on_them(tmp_path, monkeypatch):
    trainer, data = text_run(folder=tmp_path, snapshot_every=1)
    trainer.fit(data, steps=1)
    trainer.resume()
    calls, fsync, replace = [], os.fsync, os.replace

    def noted_fsync(number):
        calls.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        fsync(number)

    def noted_replace(temporary, target):
        calls.append(f"replace {target.name}")
        replace(temporary, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    trainer.fit(data, steps=3)
    replaced = [k for k, call in enumerate(calls) if call == "replace snapshot.safetensors"]
    assert len(replaced) == 2
    assert all(
        "metrics.jsonl" in calls[before:at]
        for before, at in zip([0, *replaced], replaced, strict=False)
    )


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer, data = text_run()
    trainer.fit(data, steps=3)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_the_last_snapshot(tmp_path, monkeypatch):
    trainer, data = text_run(folder=tmp_path, snapshot_every=1)
    trainer.fit(data, steps=4)
    trainer.resume()
    before = (tmp_path / "snapshot.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", filling(lambda data: len(data) * (len(data) <= 2000)))
        with pytest.raises(
            StorageError, match=r"snapshot\.safetensors is not written.*no space is left"
        ):
            trainer.fit(data, steps=STEPS)
    assert (tmp_path / "snapshot.safetensors").read_bytes() == before
    trainer, data = text_run(folder=tmp_path)
    trainer.resume().fit(data, steps=STEPS)
    assert outcome(tmp_path) == {part: whole("text")[part] for part in outcome(tmp_path)}


def test_a_full_disk_while_a_line_is_written(tmp_path, monkeypatch):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=4)
    trainer.resume()
    room = iter([9])  # bytes that fit: none after the first write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", filling(lambda _: next(room, 0)))
        with pytest.raises(StorageError, match=r"metrics\.jsonl is not written"):
            trainer.fit(data, steps=STEPS)
    assert (tmp_path / "metrics.jsonl").read_bytes().endswith(b'\n{"step": ')
    trainer, data = text_run(folder=tmp_path)
    trainer.resume().fit(data, steps=STEPS)
    assert outcome(tmp_path) == {part: whole("text")[part] for part in outcome(tmp_path)}

"""The command line: how many threads a run takes, and what the environment says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rnnbp import machine
from rnnbp.cli import session as command
from rnnbp.cli.threads import usual
from tests.commands import run, train
from tests.helpers import UseThreads

pytestmark = pytest.mark.usefixtures("in_a_folder_with_words")


@pytest.fixture
def waking_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels, where there are any, wake their threads for one number each."""
    if machine.chosen():
        monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)


@pytest.mark.usefixtures("waking_at_once")
def test_all_threads_train_where_the_model_does_not_depend_on_them(
    use_threads: UseThreads,
) -> None:
    use_threads(3)
    assert train("a", "--steps", 3) == 0
    assert json.loads(Path("a/run.json").read_text())["settings"]["threads"] == (
        3 if machine.chosen() else 1
    )
    use_threads(1)
    assert train("b", "--steps", 3) == 0
    assert Path("a/model.safetensors").read_bytes() == Path("b/model.safetensors").read_bytes()


def test_the_option_says_how_many_threads_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
    use_threads: UseThreads,
) -> None:
    found, fit = set(), command.Trainer.fit
    use_threads(3)
    monkeypatch.setattr(
        command.Trainer, "fit", lambda *args, **how: found.add(usual()) or fit(*args, **how)
    )
    assert train("a", "--steps", 2, "--threads", 2) == 0
    assert found == {2 if machine.chosen() else 1}
    assert os.environ["RNNBP_NUM_THREADS"] == "3"


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "command_", ["train --out b", "train --resume a", "sample a", "plan --budget 1GB", "compare"]
)
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "RNNBP_BACKEND",
            "quick",
            "backend 'quick' is unknown; use one of 'numpy', 'llvm', 'interpreter', or None",
        ),
        pytest.param(
            "RNNBP_NUM_THREADS",
            "two",
            "RNNBP_NUM_THREADS is a number of threads from 1 to 1024, found 'two'",
            marks=pytest.mark.skipif(
                not machine.chosen(), reason="threads are counted for kernels alone"
            ),
        ),
    ],
)
def test_what_the_environment_says_is_checked_before_anything_is_made(
    command_: str, name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert train("a", "--steps", 2) == 0
    capsys.readouterr()
    before = sorted(Path().rglob("*"))
    monkeypatch.setenv(name, value)
    assert run(*command_.split()) == 1
    assert capsys.readouterr().err == f"rnnbp: {message}\n"
    assert sorted(Path().rglob("*")) == before

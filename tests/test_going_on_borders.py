"""A script that is started again resumes; what a refusal says is ready to be pasted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.session import _as_options
from rnnbp.storage import StorageError
from tests.training import outcome

MSE = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(10, 4, 2)).astype(np.float32)
DATA = rb.Sequences(X, X[..., :1].copy(), batch_size=2)  # 5 batches


def net() -> rb.Sequential:
    return rb.Sequential(rb.Dense(2, 3, rng=0), rb.Tanh(), rb.Dense(3, 1, rng=1))


def trainer(folder: Path | None, **options: Any) -> rb.Trainer:
    return rb.Trainer(net(), "adam", MSE, folder=folder, **options)


def stop(event: Any) -> None:
    if event.metrics["step"] == 7:
        raise RuntimeError("power cut")


def script(folder: Path, **options: Any) -> rb.train.History:
    """What is started again and again."""
    run = trainer(folder, **options).resume(missing_ok=True)
    return run.fit(DATA, epochs=3)


def line(folder: Path, **options: Any) -> rb.train.History:
    """The same in one call."""
    return rb.fit(net(), DATA, MSE, folder=folder, resume=True, epochs=3, **options)


@pytest.mark.parametrize("start", [script, line])
def test_a_script_begins_or_goes_on(tmp_path: Path, start: Any) -> None:
    trainer(tmp_path / "whole").fit(DATA, epochs=3)
    with pytest.raises(RuntimeError, match="power cut"):
        start(tmp_path / "cut", callbacks=[stop])
    history = start(tmp_path / "cut")
    assert (history.steps, history.reason) == (15, "finished")
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    assert start(tmp_path / "cut").steps == 15  # all is done


def test_one_call_goes_on_with_what_differs_on_purpose(tmp_path: Path) -> None:
    line(tmp_path, learning_rate=1e-2)
    with pytest.raises(ValueError, match=r"fit\(..., resume=True, override=\('learning_rate',\)\)"):
        line(tmp_path, learning_rate=1e-3, seed=0)
    history = rb.fit(
        net(),
        DATA,
        MSE,
        folder=tmp_path,
        resume=True,
        epochs=4,
        learning_rate=1e-3,
        override=("learning_rate",),
    )
    assert history.steps == 20
    with pytest.raises(ValueError, match=r"fit: override .* give resume=True too"):
        rb.fit(net(), DATA, MSE, epochs=1, override=("learning_rate",))


def test_other_batches_in_a_second_fit_of_a_notebook() -> None:
    """Without a folder there is nothing to go on from, so nothing to be the same as."""
    run, other = trainer(None), rb.Sequences(X, X[..., :1].copy(), batch_size=5)
    run.fit(DATA, epochs=1)
    assert run.fit(other, epochs=1).steps == 7
    run.fit(DATA, steps=2)
    with pytest.raises(
        ValueError, match=r"began on other data: .*; give it the same, or finish the epoch"
    ):
        run.fit(other, epochs=1)


def test_a_snapshot_without_a_folder_keeps_to_its_data(tmp_path: Path) -> None:
    trainer(tmp_path).fit(DATA, epochs=1)
    other = rb.Sequences(X, X[..., :1].copy(), batch_size=5)
    with pytest.raises(
        ValueError, match=r"the run began on other data: .*resume\(override=\('data',\)\)"
    ):
        trainer(None).resume(tmp_path).fit(other, epochs=1)


def test_no_snapshot_yet(tmp_path: Path) -> None:
    words = r"(empty.snapshot.safetensors|none) does not exist, no snapshot yet: call fit to begin, or resume\(missing_ok=True\)"
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(StorageError, match=words):
            trainer(folder).resume()
        run = trainer(folder)
        assert run.resume(missing_ok=True) is run
        assert run.at.step == 0
    with pytest.raises(StorageError, match="no snapshot yet"):
        trainer(None).resume(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_is_there_and_bad_is_refused(tmp_path: Path) -> None:
    (tmp_path / "snapshot.safetensors").write_bytes(b"half of it")
    with pytest.raises(StorageError, match=r"snapshot\.safetensors"):
        script(tmp_path)
    with pytest.raises(StorageError, match=r"snapshot\.safetensors"):
        line(tmp_path)
    assert (tmp_path / "snapshot.safetensors").read_bytes() == b"half of it"


def test_going_on_needs_a_folder() -> None:
    with pytest.raises(
        ValueError, match="fit: resume=True goes on from the snapshot in a folder; give folder="
    ):
        rb.fit(net(), DATA, MSE, resume=True, epochs=1)
    with pytest.raises(ValueError, match="this Trainer has no folder"):
        trainer(None).resume(missing_ok=True)
    with pytest.raises(
        TypeError, match=r"unknown option 'resume'; .*trainer.resume\(missing_ok=True\)"
    ):
        trainer(None, resume=True)
    with pytest.raises(
        TypeError, match=r"unknown option 'ckpt_path'; .*trainer.resume\(missing_ok=True\)"
    ):
        trainer(None).fit(DATA, epochs=1, ckpt_path="x")  # type: ignore[call-arg]


CHANGES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "rate": ({"learning_rate": rb.optim.Cosine(1e-2, 9)}, ("learning_rate",)),
    "a number": ({"learning_rate": 0.5}, ("learning_rate",)),
    "seed and clipping": ({"seed": 3, "clip_norm": 1.0}, ("clip_norm", "seed")),
    "patience": ({"validation": DATA, "patience": 3}, ("patience", "validation")),
    "chunk": ({"chunk": 2}, ("chunk",)),
    "accumulate": ({"accumulate": 2}, ("accumulate",)),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_refused_resume_says_what_to_paste(tmp_path: Path, case: str) -> None:
    options, names = CHANGES[case]
    trainer(tmp_path).fit(DATA, steps=1)
    with pytest.raises(ValueError, match=r"set up otherwise: .* was .* is ") as found:
        trainer(tmp_path, **options).resume()
    pasted = re.search(r"resume\((override=\(.*?\))\)", str(found.value))
    assert pasted is not None
    given: dict[str, tuple[str, ...]] = eval(f"dict({pasted[1]})")
    assert set(given["override"]) == set(names)
    assert trainer(tmp_path, **options).resume(**given).fit(DATA, until_steps=2).steps == 2


def test_it_keeps_the_names_that_were_given(tmp_path: Path) -> None:
    trainer(tmp_path).fit(DATA, steps=1)
    with pytest.raises(ValueError, match=r"resume\(override=\('seed', 'clip_norm'\)\)"):
        trainer(tmp_path, seed=3, clip_norm=1.0).resume(override=("seed",))


def test_another_rule_cannot_go_on(tmp_path: Path) -> None:
    trainer(tmp_path).fit(DATA, steps=1)
    model = net()
    with pytest.raises(
        ValueError, match=r"optimizer was 'adam', is 'sgd'.*has no state to go on with"
    ) as found:
        rb.Trainer(model, rb.optim.SGD(model, momentum=0.9), MSE, folder=tmp_path).resume()
    assert "override" not in str(found.value)


def test_other_data_say_what_to_paste(tmp_path: Path) -> None:
    trainer(tmp_path).fit(DATA, steps=1)
    other = rb.Sequences(X + 1, X[..., :1].copy(), batch_size=2)
    with pytest.raises(ValueError, match=r"other data.*resume\(override=\('data',\)\)"):
        trainer(tmp_path).resume().fit(other, steps=2)


def test_the_command_says_it_as_an_option() -> None:
    text = "go on all the same with resume(override=('seed', 'chunk')), or begin"
    assert _as_options(text) == "go on all the same with --override seed,chunk, or begin"
    assert _as_options("or resume(override=('data',))") == "or --override data"


def test_a_trainer_takes_the_names_that_fit_takes() -> None:
    by_name = rb.Trainer(net(), "adam", MSE, learning_rate=1e-2)
    model = net()
    by_hand = rb.Trainer(model, rb.optim.Adam(model, learning_rate=1e-2), MSE)
    in_one = rb.fit(net(), DATA, MSE, "adam", learning_rate=1e-2, epochs=1)
    assert by_name.fit(DATA, epochs=1).losses == by_hand.fit(DATA, epochs=1).losses == in_one.losses
    assert by_name.learning_rate == 1e-2


@pytest.mark.parametrize("name", ["sgd", "adagrad", "rmsprop", "adamw"])
def test_each_name(name: str) -> None:
    run = rb.Trainer(rb.Dense(2, 1, rng=0), name, MSE, learning_rate=rb.optim.Cosine(1e-2, 9))
    assert type(run.optimizer).__name__.lower() == name
    assert (
        run.fit(DATA, epochs=1).losses
        == rb.fit(
            rb.Dense(2, 1, rng=0), DATA, MSE, name, learning_rate=rb.optim.Cosine(1e-2, 9), epochs=1
        ).losses
    )


def test_a_name_that_is_none() -> None:
    with pytest.raises(
        ValueError,
        match=r"Trainer: optimizer is one of 'sgd', .*, found 'Adma' \(did you mean 'adam'",
    ):
        rb.Trainer(net(), "Adma", MSE)

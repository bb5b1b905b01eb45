"""What a newcomer's notebook says.

An interrupted fit, a measured block, a batch, a Trainer's repr.
"""

from __future__ import annotations

import os
import pydoc
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch

X = np.linspace(-1, 1, 48, dtype=np.float32).reshape(8, 2, 3)
DATA = rb.Sequences(X, X, batch_size=4)
MSE = rb.losses.MeanSquaredError()


def model() -> rb.Sequential:
    return rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 3, rng=1))


def trainer(**options: Any) -> rb.Trainer:
    made = model()
    return rb.Trainer(made, rb.optim.SGD(made, 0.1), MSE, **options)


def cut_at(step: int) -> Callable[[Any], None]:
    """A callback that is like Ctrl-C in this step."""

    def see(event: Any) -> None:
        if event.kind == "step" and event.metrics["step"] == step:
            os.kill(os.getpid(), signal.SIGINT)

    return see


@pytest.mark.skipif(os.name != "posix", reason="os.kill sends signals there only")
@pytest.mark.parametrize(
    ("folder", "text"),
    [
        (
            False,
            r"^fit: interrupted after step 3; no folder was given\nit cannot go on: give folder= the next "
            r"time, or build a Trainer, whose fit goes on\nthe model has the parameters of that step\n",
        ),
        (
            True,
            r"^fit: interrupted after step 3; all is in .*snapshot\.safetensors\nto go on, call fit "
            r"with the same folder and resume=True\n",
        ),
    ],
)
def test_fit_in_one_call_says_what_goes_on(folder: bool, text: str, tmp_path: Path) -> None:
    """A second rb.fit would build another optimiser: nobody is told to call it."""
    with pytest.raises(KeyboardInterrupt, match=text) as caught:
        rb.fit(
            model(),
            DATA,
            MSE,
            epochs=9,
            callbacks=[cut_at(3)],
            folder=tmp_path / "run" if folder else None,
        )
    assert "call fit again" not in str(caught.value)
    assert max(map(len, str(caught.value).splitlines()[1:])) <= 110
    assert not hasattr(caught.value, "__notes__")  # the text has the place of the History
    assert vars(caught.value)["history"].steps == 3


@pytest.mark.skipif(os.name != "posix", reason="os.kill sends signals there only")
def test_the_history_of_an_interrupted_fit_is_the_trainers() -> None:
    """``history = trainer.fit(...)`` was cut, so that there is no ``history``."""
    run = trainer(callbacks=[cut_at(3)])
    with pytest.raises(KeyboardInterrupt, match=r"Trainer\.history"):
        run.fit(DATA, epochs=9)
    history = run.history
    assert (history.steps, history.reason, history.signal) == (3, "interrupted", signal.SIGINT)
    assert history == vars(run)["_training"].at.history.copy("interrupted", signal.SIGINT)
    run.fit(DATA, epochs=1)
    assert history.steps == 3  # a copy
    assert run.history.reason == "finished"
    assert run.history.steps > 3


@pytest.mark.quick
def test_the_history_of_a_trainer_that_has_not_begun_and_of_one_that_failed() -> None:
    run = trainer()
    assert repr(run.history) == "History: 0 steps in 0 s, going on"
    bad = rb.Sequences(X, np.full_like(X, np.nan), batch_size=4)
    with pytest.raises(ValueError, match="target has nan") as caught:
        run.fit(bad, epochs=1)
    assert run.history == vars(caught.value)["history"]
    assert run.history.reason == "error"


@pytest.mark.quick
@pytest.mark.parametrize("measured", [rb.memory.measure, rb.memory.high_water])
def test_a_block_that_is_being_measured_can_be_printed(measured: Any) -> None:
    with measured() as used:
        assert "being measured" in repr(used)
        assert "being measured" in str(used)
        with pytest.raises(AttributeError, match="high_water_bytes is not known inside the block"):
            used.high_water_bytes  # noqa: B018
    assert "being measured" not in repr(used)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("peak", "did you mean 'peak_bytes'"),
        ("kept", "did you mean 'kept_bytes'"),
        ("high_water", "did you mean 'high_water_bytes'"),
        ("peakbytes", "did you mean 'peak_bytes'"),
        ("total_bytes", "it has peak_bytes, kept_bytes, high_water_bytes|did you mean"),
        ("current", "it has peak_bytes, kept_bytes, high_water_bytes"),
    ],
)
def test_other_names_of_what_was_measured(name: str, text: str) -> None:
    """Within the block and after it."""
    with rb.memory.measure() as used, pytest.raises(AttributeError, match=text) as caught:
        getattr(used, name)
    assert "inside the block" not in str(caught.value)
    with pytest.raises(AttributeError, match=text):
        getattr(used, name)


def test_help_of_used_describes_its_figures() -> None:
    page = pydoc.render_doc(rb.memory.Used, renderer=pydoc.plaintext)
    for name in (
        "peak_bytes: the most",
        "kept_bytes: what",
        "high_water_bytes: how far",
        "alone: False",
    ):
        assert name in page


def test_a_batch_unpacks_as_what_bptt_takes() -> None:
    x, target = DATA.batch(0, 0)
    assert x.shape == target.shape == (2, 4, 3)
    x, target, mask = rb.Sequences(X, X, lengths=[1, 2] * 4, batch_size=4).batch(0, 0)
    assert mask.shape == (2, 4)
    assert mask[0].all()
    assert sorted(mask[1]) == sorted(np.isin(x[1, :, 0], X[1::2, 1, 0]))
    found = rb.bptt(model(), *DATA.batch(0, 0), MSE)
    assert found.loss == rb.bptt(model(), DATA.batch(0, 0).x, DATA.batch(0, 0).target, MSE).loss


def test_one_batch_is_no_source() -> None:
    batch = Batch(X.swapaxes(0, 1), X.swapaxes(0, 1))
    with pytest.raises(TypeError, match="must be a source of batches, found Batch"):
        trainer().fit(batch, epochs=1)
    assert trainer().fit([batch], epochs=1).steps == 1


@pytest.mark.parametrize(
    ("limit", "value"), [("until_epochs", 1), ("until_steps", 2), ("until_steps", 1)]
)
def test_a_fit_with_nothing_to_do_says_so(
    limit: str, value: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trainer(progress=True)
    run.fit(DATA, epochs=1)
    capsys.readouterr()
    with pytest.warns(
        UserWarning, match=rf"nothing to do, {limit}={value} is reached: \d are done"
    ):
        history = run.fit(DATA, **{limit: value})
    assert (history.steps, history.reason) == (2, "finished")
    assert capsys.readouterr().err == ""  # no bar


def test_a_run_that_goes_on_from_its_last_snapshot_is_not_warned(tmp_path: Path) -> None:
    """A script that is started again after it had ended."""
    trainer(folder=tmp_path).fit(DATA, until_epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert trainer(folder=tmp_path).resume().fit(DATA, until_epochs=1).steps == 2


def test_the_repr_of_a_trainer_shows_what_is_not_the_default() -> None:
    run = trainer(checkpoint="64 MB", clip_norm=1.0, metrics=["mse"], patience=3, validation=DATA)
    run.fit(DATA, steps=3)
    said = repr(run)
    assert said.startswith("Trainer: 3 steps done, in epoch 2 (1 done)\n")
    assert "options     checkpoint='64 MB', clip_norm=1.0, patience=3, metrics=['mse']" in said
    assert "options" not in repr(trainer())


@pytest.mark.parametrize("kinds", range(1, 12))
def test_reprs_of_bytes_end_with_a_whole_word(kinds: int) -> None:
    stats = rb.bptt(model(), np.ones((5, 2, 3), np.float32), np.ones((5, 2, 3)), MSE).stats
    vars(stats)["peak_bytes_by_kind"] = {f"kind number {k}": 1000 + k for k in range(kinds)}
    line = repr(stats).splitlines()[1]
    assert line.endswith((" kB", " more"))
    assert ", ..." not in line
    assert len(line) <= 100

"""A validation that raises: its step's line lacks it, and the next ``fit`` completes the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from tests.training import lines, outcome

MSE = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(10, 4, 2)).astype(np.float32)
DATA = rb.Sequences(X, X[..., :1].copy(), batch_size=2)  # 5 batches


class Failing:
    """The data as a source that raises ``error`` when it is asked for the ``times`` numbered so."""

    batches_per_epoch, fingerprint = 1, "v"

    def __init__(self, error: type[BaseException], *times: int) -> None:
        self.error, self.times, self.asked = error, times, 0

    def batch(self, epoch: int, index: int) -> Batch:
        self.asked += 1
        if self.asked in self.times:
            raise self.error("away")
        return DATA.batch(0, 0)


def trainer(validation: Any, **options: Any) -> rb.Trainer:
    model = rb.Sequential(rb.Dense(2, 3, rng=0), rb.Tanh(), rb.Dense(3, 1, rng=1))
    return rb.Trainer(
        model,
        rb.optim.SGD(model, learning_rate=0.1),
        MSE,
        validation=validation,
        validate_every=2,
        **options,
    )


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_the_line_of_the_step_is_there_and_is_completed(
    error: type[BaseException], tmp_path: Path
) -> None:
    seen: list[tuple[str, int]] = []
    whole = trainer(Failing(error), folder=tmp_path / "whole").fit(DATA, steps=5)
    note = [lambda event: seen.append((event.kind, event.metrics["step"]))]
    run = trainer(Failing(error, 2), folder=tmp_path / "run", callbacks=note)
    with pytest.raises(error, match="away") as caught:
        run.fit(DATA, steps=5)
    assert vars(caught.value)["history"].steps == 4
    found = lines(tmp_path / "run")
    assert [line["step"] for line in found] == [1, 2, 3, 4]
    assert ["validation" in line for line in found] == [False, True, False, False]
    assert found[3].keys() == {"step", "epoch", "loss", "grad_norm", "lr"}
    history = run.fit(DATA, until_steps=5)
    assert lines(tmp_path / "run") == lines(tmp_path / "whole")
    assert history.validation_losses == whole.validation_losses
    assert seen == [
        ("step", 1),
        ("step", 2),
        ("validation", 2),
        ("step", 3),
        ("step", 4),
        ("validation", 4),
        ("step", 5),
        ("epoch", 5),
    ]


def test_it_may_raise_again(tmp_path: Path) -> None:
    trainer(Failing(OSError), folder=tmp_path / "whole").fit(DATA, steps=5)
    run = trainer(Failing(OSError, 1, 2, 3), folder=tmp_path / "run")
    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            run.fit(DATA, until_steps=5)
        assert [line["step"] for line in lines(tmp_path / "run")] == [1, 2]
    run.fit(DATA, until_steps=5)
    assert lines(tmp_path / "run") == lines(tmp_path / "whole")


def test_no_snapshot_counts_on_a_validation_that_is_to_be_done(tmp_path: Path) -> None:
    """Where the run dies instead of going on, the step is done again with its validation."""
    trainer(Failing(OSError), folder=tmp_path / "whole").fit(DATA, steps=5)
    run = trainer(Failing(OSError, 1, 2), folder=tmp_path / "run", clip_norm=1e9)
    for limit in (
        1e9,
        None,
    ):  # of which the second is another identity, which a snapshot is to note
        run.clip_norm = limit
        with pytest.raises(OSError, match="away"):
            run.fit(DATA, until_steps=5)
        assert (
            rb.storage.load_tensors(tmp_path / "run" / "snapshot.safetensors")[1]["snapshot"][
                "step"
            ]
            == 0
        )
    resumed = trainer(Failing(OSError), folder=tmp_path / "run").resume(override=("clip_norm",))
    resumed.fit(DATA, until_steps=5)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")

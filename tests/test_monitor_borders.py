"""The figure that keep_best and patience follow, in a run whose figures are known to the bit.

The one weight goes 2, 3, 3.5, 3.75, ... after each epoch. The validation loss is least after the
first, the accuracy is largest after the third, the training loss falls all the time.
"""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import StorageError, load_tensors, save_tensors
from tests.monitored import DATA, HELD_OUT, trainer, upwards, weight
from tests.training import outcome

HALVES = rb.Sequences(
    np.ones((2, 1, 1), np.float32), np.full((2, 1, 1), 4.0, np.float32), batch_size=1
)


def near_three(y: Any, target: Any) -> Any:
    return (y > 2.9) & (y < 3.2)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of three steps."""
    folder = tmp_path_factory.mktemp("cut")
    trainer(folder).fit(HALVES, steps=3)
    return folder


OWN = {"metrics": [near_three, upwards]}
KEPT: dict[str, tuple[dict[str, Any], float, int]] = {
    "by default": ({}, 2, 1),
    "val_loss": ({"monitor": "val_loss"}, 2, 1),
    "as a line has it": ({"monitor": "validation"}, 2, 1),
    "val_accuracy": ({"monitor": "val_accuracy"}, 3.5, 3),
    "as a History has it": ({"monitor": "validation_accuracy"}, 3.5, 3),
    "with the way that is known": ({"monitor": "val_accuracy", "mode": "max"}, 3.5, 3),
    "val_mae": ({"monitor": "val_mae"}, 2, 1),
    "loss": ({"monitor": "loss"}, 3.75, 4),
    "mae": ({"monitor": "mae"}, 3.75, 4),
    "accuracy": ({"monitor": "accuracy"}, 3, 2),
    "a function": ({"monitor": "val_near_three", "mode": "max"} | OWN, 3, 2),
    "a function upwards": ({"monitor": "val_upwards", "mode": "max"} | OWN, 3.75, 4),
    "a function downwards": ({"monitor": "val_upwards", "mode": "min"} | OWN, 2, 1),
    "another name": ({"monitor": "val_hits", "metrics": {"hits": "accuracy"}}, 3.5, 3),
    "training alone": ({"monitor": "loss", "validation": None}, 3.75, 4),
}


@pytest.mark.parametrize("case", KEPT)
def test_the_model_has_the_parameters_that_are_best_by_the_figure(case: str) -> None:
    options, kept, epoch = KEPT[case]
    one = trainer(**options)
    history = one.fit(DATA, epochs=4)
    assert weight(one) == kept
    assert history.best is not None
    assert (history.best.step, history.best.epoch, history.best_step) == (epoch, epoch, epoch)
    assert history.best.monitor == one.monitor
    assert history.best.value == history.best.metrics[one.monitor]


def test_the_best_has_all_figures_of_that_epoch_and_the_history_shows_them() -> None:
    one = trainer(monitor="val_accuracy")
    history = one.fit(DATA, epochs=4)
    assert history.best is not None
    found = one.evaluate(HELD_OUT)
    assert history.best.metrics == {
        "loss": 1.0,  # of the weight 3 before the update
        "accuracy": 1.0,
        "mae": 1.0,
        "val_loss": found["loss"],
        "val_accuracy": 1.0,
        "val_mae": found["mae"],
    }
    assert history.best_loss == found["loss"] == pytest.approx((0.475**2 + 1.5**2 + 0.4725**2) / 3)
    assert (
        "\n  best               val_accuracy 1 at step 3, epoch 3; val_loss 0.8996, val_mae 0.8158"
        "\n  training           mean loss 1, accuracy 1, mae 1 in the batches before the best"
        in repr(history)
    )


def test_patience_follows_it_and_equal_is_no_better() -> None:
    history = trainer(monitor="val_accuracy", patience=2).fit(DATA, epochs=9)
    assert [round(3 * value) for value in history.metrics["validation_accuracy"]] == [2, 2, 3, 2, 2]
    assert (history.reason, history.best_step) == ("early stopping", 3)
    assert trainer(monitor="val_accuracy", patience=1).fit(DATA, epochs=9).steps == 2


def test_a_figure_of_training_is_the_mean_since_it_was_last_looked_at() -> None:
    one = trainer(monitor="loss", validation=None, validate_every=3)
    history = one.fit(HALVES, steps=6)
    assert history.best is not None
    assert history.best.metrics["loss"] == np.mean(history.losses[3:])
    assert (history.best.step, history.best.epoch, history.best_loss) == (6, 3, None)


@pytest.mark.long
@pytest.mark.parametrize(
    ("monitor", "steps"), [("val_accuracy", 3), ("val_loss", 6), ("loss", 5), ("accuracy", 3)]
)
def test_a_run_that_was_cut_in_two_ends_with_the_same_bits(
    tmp_path: Path, monitor: str, steps: int
) -> None:
    def run(name: str) -> rb.Trainer:
        return trainer(tmp_path / name, monitor=monitor, patience=3, validate_every=2)

    whole = run("whole")
    history = whole.fit(HALVES, epochs=4)
    run("cut").fit(HALVES, steps=steps)
    again = run("cut").resume()
    assert again.fit(HALVES, until_epochs=4).best == history.best
    assert weight(again) == weight(whole)
    found = [outcome(tmp_path / name) for name in ("whole", "cut")]
    for each in found:
        del each["metadata"]["snapshot"]["began"]
    assert found[0] == found[1]


def test_the_file_of_the_model_has_them_and_says_by_what(tmp_path: Path) -> None:
    history = trainer(tmp_path, monitor="val_accuracy", keep_best=False).fit(DATA, epochs=4)
    arrays, metadata = load_tensors(tmp_path / "model.safetensors")
    assert arrays["0.weight"].tolist() == [[3.5]]
    assert history.best is not None
    assert (metadata["step"], metadata["validation"]) == (3, history.best_loss)
    assert metadata["best"] == history.best.to_json()


def test_a_budget_counts_the_parameters_that_it_keeps() -> None:
    kept = trainer(monitor="loss", validation=None)
    assert kept.update.held.total - trainer(validation=None, keep_best=None).update.held.total == 4


WRONG: dict[str, tuple[str, Any]] = {
    "no dict": ("best", 3),
    "nothing in it": ("best", {}),
    "no value": ("best", {"epoch": 1, "monitor": "val_loss", "value": None, "metrics": {}}),
    "no epoch": ("best", {"epoch": 0, "monitor": "val_loss", "value": 1.0, "metrics": {}}),
    "a name that is none": ("best", {"epoch": 1, "monitor": 3, "value": 1.0, "metrics": {}}),
    "texts": ("best", {"epoch": 1, "monitor": "val_loss", "value": 1.0, "metrics": {"loss": "x"}}),
    "more": (
        "best",
        {"epoch": 1, "monitor": "val_loss", "value": 1.0, "metrics": {}, "mode": "max"},
    ),
    "no sums": ("sums", []),
    "no counts": ("sums", {"loss": 1.0}),
    "counts of nothing": ("sums", {"loss": [1.0, 0]}),
    "a sum that is none": ("sums", {"loss": ["1", 1]}),
    "a text": ("anew", "yes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_snapshot_cannot_have_is_refused(cut: Path, tmp_path: Path, case: str) -> None:
    name, value = WRONG[case]
    arrays, metadata = load_tensors(cut / "snapshot.safetensors")
    metadata["snapshot"][name] = value
    save_tensors(tmp_path / "snapshot.safetensors", arrays, metadata)
    one = trainer()
    with pytest.raises(StorageError, match=name):
        one.resume(tmp_path)
    assert weight(one) == 0


def test_a_snapshot_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    trainer(tmp_path).fit(HALVES, steps=3)
    arrays, metadata = load_tensors(tmp_path / "snapshot.safetensors")
    del metadata["snapshot"]["best"], metadata["snapshot"]["sums"], metadata["identity"]["monitor"]
    save_tensors(tmp_path / "snapshot.safetensors", arrays, metadata)
    again, other = trainer(tmp_path).resume(), trainer()
    history, whole = again.fit(HALVES, until_steps=6), other.fit(HALVES, steps=6)
    assert (history.best_step, history.best_loss) == (whole.best_step, whole.best_loss)
    assert history.best is not None
    assert (history.best.epoch, history.best.value) == (None, whole.best_loss)
    assert weight(again) == weight(other)


def test_another_figure_is_refused_or_begins_anew(tmp_path: Path) -> None:
    trainer(tmp_path).fit(DATA, epochs=2)
    with pytest.raises(ValueError, match="monitor was 'val_loss', is 'val_accuracy'"):
        trainer(tmp_path, monitor="val_accuracy").resume()
    again = trainer(tmp_path, monitor="mae").resume(override=("monitor",))
    assert again.fit(DATA, until_epochs=4).best_step == 4  # though it is above the validation loss
    assert weight(again) == 3.75


def test_another_function_of_that_name_is_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"monitor": "val_f", "mode": "max"}
    trainer(tmp_path, metrics={"f": near_three}, **options).fit(DATA, epochs=2)
    trainer(tmp_path, metrics={"f": near_three, "g": upwards}, **options).resume()
    with pytest.raises(ValueError, match="monitor metric"):
        trainer(tmp_path, metrics={"f": upwards}, **options).resume()


def test_a_figure_that_is_changed_begins_anew() -> None:
    one = trainer(metrics=[near_three])
    one.fit(DATA, epochs=1)
    one.monitor, one.mode = "val_near_three", "max"
    assert one.fit(DATA, until_epochs=4).best_step == 2
    assert weight(one) == 3
    one.metrics = {"near_three": upwards}
    assert one.fit(DATA, until_epochs=6).best_step == 6
    one.monitor, one.mode = "val_loss", "auto"
    assert one.fit(DATA, until_epochs=7).best_step == 7


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_go_on_alike(copied: Any) -> None:
    one = trainer(monitor="val_accuracy")
    one.fit(DATA, epochs=2)
    assert copied(one).fit(DATA, epochs=2).best == one.fit(DATA, epochs=2).best


def test_the_history_that_is_returned_is_the_users() -> None:
    one = trainer(monitor="val_accuracy")
    history = one.fit(DATA, epochs=1)
    assert history.best is not None
    history.best.metrics.clear()
    assert one.history.best is not None
    assert one.history.best.metrics.keys() >= {"loss", "val_loss", "val_accuracy"}

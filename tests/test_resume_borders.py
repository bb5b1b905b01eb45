"""Going on on purpose with something changed, and under a budget."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt import calibration
from rnnbp.planning.costs import KINDS, Costs
from rnnbp.storage import load_tensors, save_tensors
from rnnbp.support.prepared import forget_all
from rnnbp.train import Sequences, Trainer
from tests.training import lines, outcome, sequence_run

SYMBOLS = np.random.default_rng(0).integers(0, 4, (8, 6))
DATA = Sequences(SYMBOLS, SYMBOLS, batch_size=4)


def run(folder, **options):
    model = rb.Sequential(rb.Embedding(4, 3, rng=0), rb.Dense(3, 4, rng=1))
    return Trainer(model, rb.optim.Adam(model), rb.losses.CrossEntropy(), folder=folder, **options)


# On purpose


def test_a_longer_cosine_on_purpose(tmp_path):
    """The rest is run with the new rates from the weights and the optimiser that there were."""
    run(tmp_path, learning_rate=rb.optim.Cosine(1e-2, 4)).fit(DATA, steps=4)
    longer = rb.optim.Cosine(1e-2, 9)
    with pytest.raises(
        ValueError,
        match=r"set up otherwise: learning_rate steps was '4', is '9'; set it up as it was, or go on "
        r"all the same with resume\(override=\('learning_rate',\)\)",
    ):
        run(tmp_path, learning_rate=longer).resume()
    resumed = run(tmp_path, learning_rate=longer).resume(override=("learning_rate",))
    history = resumed.fit(DATA, steps=9)
    assert history.steps == 9
    by_hand = run(
        None, learning_rate=lambda step: (rb.optim.Cosine(1e-2, 4) if step < 4 else longer)(step)
    )
    assert by_hand.fit(DATA, steps=9).losses == history.losses
    assert [line["lr"] for line in lines(tmp_path)[4:]] == [longer(step) for step in range(4, 9)]
    run(tmp_path, learning_rate=longer).resume()  # the new schedule is the run's own now


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"seed": 9}, "seed"),
        ({"clip_norm": 0.5}, "clip_norm"),
        ({"chunk": 2}, "chunk"),
        (
            {"learning_rate": rb.optim.OnPlateau(0.5), "validation": DATA},
            ("learning_rate", "validation"),
        ),
    ],
)
def test_what_is_named_may_differ(tmp_path, changed, name):
    names = (name,) if isinstance(name, str) else name
    run(tmp_path).fit(DATA, steps=1)
    with pytest.raises(ValueError, match=f"{names[0]} was"):
        run(tmp_path, **changed).resume()
    with pytest.raises(ValueError, match=f"{names[0]} was"):
        run(tmp_path, **changed).resume(override=("patience",))
    assert run(tmp_path, **changed).resume(override=names).fit(DATA, steps=2).steps == 2


def test_a_rate_of_the_optimiser_that_is_named_is_the_new_one(tmp_path):
    run(tmp_path).fit(DATA, steps=1)
    other = run(tmp_path)
    other.optimizer.learning_rate = 0.25
    other = Trainer(other.model, other.optimizer, rb.losses.CrossEntropy(), folder=tmp_path)
    assert other.resume(override=("learning_rate",)).optimizer.learning_rate == 0.25


def test_other_data_on_purpose(tmp_path):
    run(tmp_path).fit(DATA, steps=1)
    other = Sequences(SYMBOLS[:6], SYMBOLS[:6], batch_size=3)
    with pytest.raises(ValueError, match="began on other data"):
        run(tmp_path).resume().fit(other, steps=2)
    assert run(tmp_path).resume(override=("data",)).fit(other, steps=2).steps == 2


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ("learningrate",),
            r"no such name: 'learningrate' \(did you mean 'learning_rate'\?\); they are 'model', "
            r"'loss'",
        ),
        (("seed", "x"), r"no such name: 'x'.* they are 'model', 'loss'"),
        (("lr",), r"no such name: 'lr' \(did you mean 'learning_rate'\?"),
        ("seed", r"override is a tuple of names, found 'seed'; give override=\('seed',\)"),
    ],
)
def test_a_name_that_is_none(tmp_path, names, words):
    with pytest.raises(ValueError, match=words):
        run(tmp_path).resume(override=names, missing_ok=True)
    run(tmp_path).fit(DATA, steps=1)
    with pytest.raises(ValueError, match=words):
        run(tmp_path).resume(override=names)


def test_a_snapshot_of_an_earlier_version(tmp_path):
    run(tmp_path).fit(DATA, steps=1)
    file = tmp_path / "snapshot.safetensors"
    arrays, metadata = load_tensors(file)
    save_tensors(
        file,
        arrays,
        metadata | {"identity": {"seed": 0, "model": "Sequential(…)", "loss": "CrossEntropy()"}},
    )
    with pytest.raises(ValueError, match=r"of an earlier version, .*override=\('everything',\)"):
        run(tmp_path).resume()
    assert run(tmp_path).resume(override=("everything",)).fit(DATA, steps=2).steps == 2


@pytest.mark.parametrize("backend", ["interpreter"])
def test_another_backend_is_named(tmp_path, monkeypatch, backend):
    trainer, data = sequence_run(folder=tmp_path)
    trainer.fit(data, steps=1)
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    with pytest.raises(ValueError, match=f"backend was '.*', is '{backend}'"):
        sequence_run(folder=tmp_path)[0].resume()
    sequence_run(folder=tmp_path)[0].resume(override=("backend", "processor", "libraries"))


def test_other_libraries_and_processors_are_named(tmp_path, monkeypatch):
    run(tmp_path).fit(DATA, steps=1)
    monkeypatch.setattr(np, "__version__", "9.9")
    monkeypatch.setattr(np, "show_config", lambda mode: {"SIMD Extensions": {"found": ["VSX9"]}})
    with pytest.raises(
        ValueError, match=r"processor was '.*', is 'VSX9'.*NumPy was '.*', is '9\.9'"
    ):
        run(tmp_path).resume()


# Chunks within a budget


def budgeted(folder, checkpoint):
    model = rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 1, rng=1))
    return Trainer(
        model,
        rb.optim.Adam(model),
        rb.losses.MeanSquaredError(),
        folder=folder,
        checkpoint=checkpoint,
    )


X = np.random.default_rng(0).normal(size=(4, 90, 3)).astype(np.float32)
LONG = Sequences(X, X[..., :1], batch_size=2)


def costs(seconds_of_a_byte):
    return Costs(dict.fromkeys(KINDS, 1e-9), dict.fromkeys(KINDS, 1e-9), seconds_of_a_byte)


DEAR_BYTES, CHEAP_BYTES = costs(1e-6), costs(0.0)
"""The first leads to short chunks that hold little, the second to one long chunk."""


def forget(monkeypatch, measured):
    """As another process, that measures other costs."""
    calibration._known.clear()
    forget_all()
    monkeypatch.setattr(calibration, "measured", lambda *_: measured)


def plan(budget=700_000):
    model = budgeted(None, "all").model
    return rb.plan(model, rb.losses.MeanSquaredError(), steps=90, batch=2, budget=budget, dx=False)


@pytest.mark.parametrize(
    "given", [pytest.param(lambda: 700_000, marks=pytest.mark.long), plan], ids=["budget", "plan"]
)
def test_a_run_within_a_budget_keeps_its_chunks(tmp_path, monkeypatch, given):
    forget(monkeypatch, DEAR_BYTES)
    whole = budgeted(tmp_path / "whole", given()).fit(LONG, steps=4)
    forget(monkeypatch, DEAR_BYTES)
    budgeted(tmp_path / "run", given()).fit(LONG, steps=2)
    forget(monkeypatch, CHEAP_BYTES)
    other = budgeted(tmp_path / "other", given()).fit(LONG, steps=4)
    forget(monkeypatch, CHEAP_BYTES)
    assert budgeted(tmp_path / "run", given()).resume().fit(LONG, steps=4).losses == whole.losses
    assert outcome(tmp_path / "run")["model"] == outcome(tmp_path / "whole")["model"]
    assert other.losses != whole.losses, "the costs decide bits"
    calibration._known.clear()


def test_another_budget_is_named(tmp_path):
    budgeted(tmp_path, 700_000).fit(LONG, steps=1)
    with pytest.raises(ValueError, match="budget was 700000, is 800000"):
        budgeted(tmp_path, 800_000).resume()


def test_schedules_that_replay_are_one_and_those_that_rebuild_are_not(tmp_path):
    budgeted(tmp_path, "all").fit(LONG, steps=1)
    assert budgeted(tmp_path, "sqrt").resume().fit(LONG, steps=2).steps == 2
    with pytest.raises(ValueError, match="checkpoint was None, is "):
        budgeted(tmp_path, rb.schedules.ThinTapes).resume()

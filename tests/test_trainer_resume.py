"""Going on from a snapshot: the same bits wherever the run was interrupted, or a clear error."""

from __future__ import annotations

import shutil

import pytest

import rnnbp as rb
from rnnbp.storage import StorageError
from rnnbp.train import Trainer, Windows, load_weights, save_weights
from tests.trainer_runs import LOSS, STEPS, on, params, same, whole
from tests.training import RUNS, TEXT, example_run, lines, outcome, sequence_run, text_run


@pytest.mark.quick
@pytest.mark.one_in(12, "name")
@pytest.mark.parametrize("stop", range(1, STEPS))
@pytest.mark.parametrize("name", RUNS)
def test_a_run_stopped_after_any_step_ends_with_the_same_bits(tmp_path, name, stop):
    trainer, data = RUNS[name](folder=tmp_path)
    trainer.fit(data, steps=stop)
    trainer, data = RUNS[name](folder=tmp_path)
    for p in trainer.model.params.values():
        p += 1  # all of it must come from the snapshot
    trainer.resume()
    history = trainer.fit(data, steps=STEPS)
    assert same(params(trainer), whole(name)["params"])
    found = outcome(tmp_path) | {"losses": history.losses}
    assert found.keys() | {"params"} == whole(name).keys()
    for part in found:
        assert found[part] == whole(name)[part], part


@pytest.mark.long
@pytest.mark.one_in(15, "lost_at")
@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("lost_at", [1, 4, 5, 10])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_lost_after_its_snapshot_ends_with_the_same_bits(tmp_path, name, lost_at, every):
    """What was on disk at some moment, with a line cut short: as a killed process leaves it."""

    lose = on("step", lambda _: shutil.copytree(tmp_path / "run", tmp_path / "lost"), [lost_at])
    trainer, data = RUNS[name](folder=tmp_path / "run", snapshot_every=every, callbacks=[lose])
    trainer.fit(data, steps=STEPS)
    assert outcome(tmp_path / "run") == {
        part: whole(name)[part] for part in outcome(tmp_path / "run")
    }
    lost = tmp_path / "lost"
    with (lost / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "epoch": 3, "lo')
    (lost / ".snapshot.safetensors.0a1b2c3d.tmp").write_bytes(b"half of a snapshot")
    trainer, data = RUNS[name](folder=lost, snapshot_every=every)
    trainer.resume().fit(data, steps=STEPS)
    assert outcome(lost) == outcome(tmp_path / "run")


def test_a_finished_run_goes_on_as_a_longer_one(tmp_path):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=4)
    for steps in (4, 9, STEPS):
        trainer, data = text_run(folder=tmp_path)
        trainer.resume()
        trainer.fit(data, steps=steps)
    assert outcome(tmp_path) == {part: whole("text")[part] for part in outcome(tmp_path)}


def test_fit_called_again_goes_on():
    trainer, data = sequence_run()
    first = trainer.fit(data, steps=5)
    assert first.steps == 5
    assert trainer.fit(data, until_steps=STEPS).losses == whole("sequences")["losses"]
    assert len(first.losses) == 5, "what was handed out does not change"
    assert same(params(trainer), whole("sequences")["params"])


def test_a_run_goes_on_in_another_folder_and_leaves_the_first_alone(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    trainer, data = text_run(folder=one)
    trainer.fit(data, steps=5)
    before = {path.name: path.read_bytes() for path in one.iterdir()}
    trainer, data = text_run(folder=other)
    trainer.resume(one).fit(data, steps=STEPS)
    assert {path.name: path.read_bytes() for path in one.iterdir()} == before
    assert same(params(trainer), whole("text")["params"])
    assert [line["step"] for line in lines(other)] == list(range(6, STEPS + 1))
    trainer, data = text_run(folder=other)
    with pytest.raises(StorageError, match="already holds"):
        trainer.resume(one / "snapshot.safetensors").fit(data, steps=STEPS)


def test_a_rate_that_was_changed_by_hand_returns(tmp_path):
    def halve(event):
        event.trainer.optimizer.learning_rate /= 2

    runs = []
    for stops in ([9], [4, 9], [5, 9]):
        folder = tmp_path / str(stops)
        trainer, data = example_run(folder=folder, callbacks=[on("epoch", halve)])
        trainer.fit(data, steps=stops[0])
        for stop in stops[1:]:
            trainer, data = example_run(folder=folder, callbacks=[on("epoch", halve)])
            trainer.resume()
            trainer.fit(data, steps=stop)
        runs.append(outcome(folder))
    assert runs[0] == runs[1] == runs[2]


OTHERWISE = {
    "seed": (lambda f: text_run(folder=f, seed=8), "seed was 7, is 8"),
    "clipping": (lambda f: text_run(folder=f, clip_norm=0.25), r"clip_norm was 0\.15, is 0\.25"),
    "chunk": (lambda f: text_run(folder=f, chunk=8), "chunk was 3, is 8"),
    "patience": (lambda f: text_run(folder=f, patience=2), "patience was 50, is 2"),
    "validation": (
        lambda f: text_run(folder=f, validation=Windows(TEXT, TEXT, horizon=9, batch_size=2)),
        "validation was",
    ),
    "every": (lambda f: text_run(folder=f, validate_every=None), "validate_every was 2, is None"),
    "schedule": (
        lambda f: text_run(folder=f, learning_rate=None),
        r'learning_rate was "OnPlateau .* is 0\.001;',
    ),
    "plateau": (
        lambda f: text_run(
            folder=f, learning_rate=rb.optim.OnPlateau(0.03, factor=0.25, patience=0)
        ),
        r"'factor': 0\.5.*'factor': 0\.25",
    ),
    "model": (lambda f: sequence_run(folder=f), r"0\.weight_hh is missing"),
    "rule": (lambda f: rebuilt(f, rb.optim.AdamW), "optimizer was 'adam', is 'adamw'"),
    "option": (lambda f: rebuilt(f, rb.optim.Adam, eps=1e-6), "adam eps was 1e-08, is 1e-06"),
    "rate": (
        lambda f: rebuilt(f, rb.optim.Adam, learning_rate=0.5),
        r"the optimizer's own learning_rate was 0\.001, is 0\.5;",
    ),
    "some": (lambda f: rebuilt(f, rb.optim.Adam, only="3."), "optimized parameters was"),
    "loss": (
        lambda f: rebuilt(f, rb.optim.Adam, loss=rb.losses.CrossEntropy(label_smoothing=0.1)),
        "loss was",
    ),
    "dropout": (
        lambda f: rebuilt(f, rb.optim.Adam, p=0.4),
        r"model was .*Dropout\(0\.3\).*Dropout\(0\.4\)",
    ),
}


def rebuilt(folder, rule, *, only="", loss=LOSS, p=0.3, **options):
    trainer, data = text_run()
    model = rb.Sequential(
        *(rb.Dropout(p) if isinstance(b, rb.Dropout) else b for b in trainer.model.blocks)
    )
    chosen = {name: a for name, a in model.params.items() if name.startswith(only)}
    names = ("validation", "validate_every", "patience")
    same_as = {name: getattr(trainer, name) for name in names}
    update = {
        name: getattr(trainer, name) for name in ("chunk", "clip_norm", "learning_rate", "seed")
    }
    return Trainer(model, rule(chosen, **options), loss, folder=folder, **same_as, **update), data


def test_rebuilt_without_a_change_resumes(tmp_path):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=2)
    rebuilt(tmp_path, rb.optim.Adam)[0].resume()


@pytest.mark.parametrize("case", OTHERWISE)
def test_a_run_that_was_set_up_otherwise_is_refused(tmp_path, case):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=2)
    build, message = OTHERWISE[case]
    trainer, _ = build(tmp_path)
    before, slots = params(trainer), trainer.optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        trainer.resume()
    assert same(params(trainer), before)
    assert same(trainer.optimizer.state_dict(), slots)
    assert trainer.at.step == 0


def test_other_data_are_refused(tmp_path):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=2)
    changed = TEXT.copy()
    changed[60] = (changed[60] + 1) % 5
    trainer, _ = text_run(folder=tmp_path)
    with pytest.raises(ValueError, match="the run began on other data"):
        trainer.resume().fit(Windows.next_symbol(changed, horizon=8, batch_size=4), steps=4)
    assert trainer.fit(data, steps=4).steps == 4


@pytest.mark.quick
@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_damaged_snapshot_is_refused_and_changes_nothing(tmp_path, at):
    trainer, data = text_run(folder=tmp_path)
    trainer.fit(data, steps=2)
    broken = bytearray((tmp_path / "snapshot.safetensors").read_bytes())
    broken[at] ^= 1
    (tmp_path / "snapshot.safetensors").write_bytes(broken)
    trainer, _ = text_run(folder=tmp_path)
    before = params(trainer)
    with pytest.raises(StorageError):
        trainer.resume()
    assert same(params(trainer), before)


def test_what_is_no_snapshot(tmp_path):
    trainer, _ = text_run(folder=tmp_path)
    with pytest.raises(StorageError, match=r"snapshot\.safetensors does not exist"):
        trainer.resume()
    save_weights(trainer.model, tmp_path / "weights")
    with pytest.raises(StorageError, match="holds weights alone"):
        trainer.resume(tmp_path / "weights")
    with pytest.raises(ValueError, match="this Trainer has no folder"):
        text_run()[0].resume()
    trainer, data = text_run(folder=tmp_path / "run")
    trainer.fit(data, steps=1)
    with pytest.raises(StorageError, match="is a snapshot of a training run"):
        load_weights(trainer.model, tmp_path / "run" / "snapshot.safetensors")

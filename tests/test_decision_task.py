"""experiments/decision_task.py: trials by their definition, the network by hand, a small run."""

from __future__ import annotations

import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

SCRIPT = Path(__file__).parent.parent / "experiments" / "decision_task.py"
TASK = runpy.run_path(str(SCRIPT))
DT, LEAK = TASK["DT"], TASK["LEAK"]
FOUND = re.compile(r"of 1,000 new trials ([\d.]+)% right with noise, ([\d.]+)% without")
GIVEN: dict[str, Any] = {
    "units": 20,
    "density": 0.5,
    "noise": 0.1,
    "directions": 2,
    "shortest": 100,
    "longest": 300,
    "rate_cost": 1e-5,
    "weight_cost": 1e-5,
    "batch": 16,
    "epochs": 1,
    "enough": 0.98,
    "lr": 1e-2,
    "budget": "1 MB",
    "seed": 0,
}


def options(**given: Any) -> SimpleNamespace:
    return SimpleNamespace(**GIVEN | given)


@pytest.mark.quick
def test_trials_depend_on_the_seed_alone() -> None:
    first, again, other = (TASK["trials"](9, 4, (200, 600), seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.x, other.x)


@pytest.mark.quick
def test_directions_read_from_the_inputs_say_what_is_right() -> None:
    """Epoch by epoch; each direction and delay comes, and half of the trials match."""
    found = TASK["trials"](800, 4, (200, 600), 0)
    assert {*found.delay} == {*range(200, 601, DT)}
    assert {*zip(found.sample, found.test, strict=True)} == {
        (a, b) for a in range(4) for b in range(4)
    }
    assert (found.sample == found.test).mean() == pytest.approx(0.5, abs=0.05)
    for k, delay in enumerate(found.delay):
        x, target, weight = found.x[:, k], found.target[:, k], found.weight[:, k]
        ends = np.cumsum([200, 300, delay, 300, 100, 200]) // DT
        wait, sample, gap, test, grace, decision = np.split(np.arange(len(x)), ends)[:6]
        shown = [x[part, 1:].argmax(axis=-1) // 2 for part in (sample, test)]
        assert {*shown[0]} == {found.sample[k]}
        assert {*shown[1]} == {found.test[k]}
        assert not x[[*wait, *gap, *grace, *decision], 1:].any()
        assert x[:, 0].tolist() == [1] * grace[0] + [0] * (len(x) - grace[0])
        same = found.sample[k] == found.test[k]
        assert {*target[decision]} == {TASK["DIFFERENT"] - same} == {found.choice[k]}
        assert not target[: grace[0]].any()
        assert np.flatnonzero(weight).tolist() == [*range(grace[0]), *decision]


def test_connections_are_sparse_balanced_and_none_to_itself() -> None:
    signs, mask, strengths = TASK["connect"](100, 0.3, np.random.default_rng(0))
    assert (signs > 0).sum() == 80
    assert not mask.diagonal().any()
    assert mask.mean() == pytest.approx(0.3, abs=0.03)
    w = strengths * signs
    assert np.abs(np.linalg.eigvals(w)).max() == pytest.approx(TASK["RADIUS"])
    assert abs(w.sum()) < 0.1 * strengths.sum()


@pytest.mark.parametrize("training", [False, True])
def test_rates_and_choices_are_those_of_the_equations(training: bool) -> None:
    """In training mode too, where the noise has no strength."""
    network = TASK["build"](options(noise=0.0))
    x = TASK["trials"](5, 2, (100, 300), 0).x
    p = network.choices.params
    p["network.recurrent"][...] = np.random.default_rng(1).normal(size=(20, 20)) / 5
    w, v, out = network.weights, abs(p["network.input"]), abs(p["out"])
    r, rates = np.zeros((5, 20)), []
    for row in x:
        r = (1 - LEAK) * r + LEAK * np.maximum(r @ w.T + row @ v.T + p["network.bias"], 0)
        rates.append(r)
    found = [rb.predict(net, x, training=training)[0] for net in (network.rates, network.choices)]
    np.testing.assert_allclose(found[0], rates, atol=1e-5)
    choices = np.array(rates)[..., :16] @ out.T + p["out_bias"]
    np.testing.assert_allclose(found[1], choices, atol=1e-5)


def test_noise_is_private_and_has_the_deviation_of_the_step() -> None:
    """Of units that are driven far above 0 and not connected: an AR(1) of σ √(2/a)."""
    network = TASK["build"](options(noise=0.1))
    for name, value in {"recurrent": 0, "input": 0, "bias": 50}.items():
        network.rates.params[f"network.{name}"][...] = value
    r = rb.predict(network.rates, np.zeros((400, 50, 9), "float32"), training=True)[0][50:]
    expected = 0.1 * (2 / LEAK) ** 0.5 * (LEAK / (2 - LEAK)) ** 0.5
    assert r.std() == pytest.approx(expected, rel=0.02)
    shared = np.corrcoef(r.reshape(-1, 20).T) - np.eye(20)
    assert abs(shared).max() < 0.05


def test_training_obeys_dale_and_the_mask_and_reads_excitatory_units_alone() -> None:
    network = TASK["build"](options())
    before = network.weights.copy()
    history = TASK["train"](network, options())
    assert history.steps == TASK["PER_EPOCH"]
    w = network.weights
    assert abs(w - before)[network.mask].mean() > 1e-3
    assert not w[~network.mask].any()
    assert (w[:, :16] >= 0).all()
    assert (w[:, 16:] <= 0).all()
    assert network.choices.params["out"].shape == (3, 16)
    assert np.mean(history.losses[-10:]) < 0.8 * np.mean(history.losses[:5])


@pytest.mark.long
def test_gradients_agree_with_differences() -> None:
    network = TASK["build"](options(units=5, noise=0.05))
    found = TASK["trials"](3, 2, (100, 150), 0)
    loss = rb.losses.CrossEntropy()
    report = rb.check_grads(network.choices, found.x, found.target, loss, mask=found.weight)
    assert report.worst < 1e-6, report


@pytest.mark.parametrize(
    "drawn",
    [
        False,
        pytest.param(
            True,
            marks=[
                pytest.mark.long,
                pytest.mark.skipif(not find_spec("matplotlib"), reason="needs Matplotlib"),
            ],
        ),
    ],
)
def test_it_writes_what_it_says(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    drawn: bool,
) -> None:
    """A file of the weights has the network that the figures are of."""
    monkeypatch.setitem(TASK["main"].__globals__, "find_spec", lambda name: drawn)
    given = "--units 20 --directions 2 --shortest 100 --longest 200 --epochs 1 --batch 8"
    monkeypatch.setattr(sys, "argv", f"task.py {given} --folder {tmp_path}".split())
    TASK["main"]()
    text = capsys.readouterr().out
    said = FOUND.search(text)
    assert said is not None, text
    network = TASK["build"](options(density=0.3))
    rb.load_weights(network.choices, tmp_path / "network.safetensors")
    fresh = TASK["trials"](1000, 2, (100, 200), (0, 1))
    quiet = TASK["right"](network, fresh, False).mean()
    assert 100 * quiet == pytest.approx(float(said[2]), abs=0.06)
    assert (tmp_path / "decision_task.png").exists() == drawn

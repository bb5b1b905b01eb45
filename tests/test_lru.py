"""LRU: its first values, what runs once a run, and that copies and runs on files go on."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays, assert_same_bits, reals
from tests.programs import half_square


def eigenvalues(model: rb.Recurrent) -> np.ndarray:
    p = model.params
    found: np.ndarray = np.exp(-np.exp(p["nu_log"]) + 1j * np.exp(p["theta_log"]))
    return found


@pytest.mark.parametrize(("low", "high", "phase"), [(0, 1, 2 * np.pi), (0.9, 0.999, 0.3)])
def test_first_eigenvalues_are_uniform_on_a_ring(low: float, high: float, phase: float) -> None:
    """Half of them within the circle that halves the ring's area."""
    how = {"r_min": low, "r_max": high, "max_phase": phase}
    model = rb.LRU(3, 4000, dtype="float64", rng=0, **how)
    found = eigenvalues(model)
    radius, angle = abs(found), np.angle(found) % (2 * np.pi)
    assert low < radius.min() < radius.max() < high
    assert 0 < angle.min() < 0.01 * phase < 0.99 * phase < angle.max() < phase
    assert abs(np.mean(radius**2 < (low**2 + high**2) / 2) - 0.5) < 0.03
    gamma = np.exp(model.params["gamma_log"])
    np.testing.assert_allclose(gamma**2 + radius**2, 1, rtol=1e-12)


def test_first_weights_have_the_deviations_of_the_paper() -> None:
    p = rb.LRU(50, 200, rng=0).params
    assert p["weight_B"].std() == pytest.approx(1 / np.sqrt(2 * 50), rel=0.03)
    assert p["weight_C_re"].std() == pytest.approx(1 / np.sqrt(200), rel=0.03)
    assert p["weight_C_im"].std() == pytest.approx(1 / np.sqrt(200), rel=0.03)
    assert p["weight_D"].std() == pytest.approx(1, rel=0.3)
    assert {a.dtype for a in p.values()} == {np.dtype("float32")}


def test_a_seed_gives_the_same_values_and_another_others() -> None:
    one, same, other = (rb.LRU(3, 4, rng=seed).params for seed in (1, 1, 2))
    assert_same_arrays(one.values(), same.values())
    assert not any(np.array_equal(one[name], other[name]) for name in one)


def test_eigenvalues_run_once_and_products_outside_the_loop() -> None:
    lines = str(rb.explain(rb.LRU(3, 4))).splitlines()
    once = [line for line in lines if line.startswith("  once ")]
    inside = [line for line in lines if line.startswith("  step ")]
    assert [line for line in once if "−exp(nu_log)" in line.lower()]
    assert [line for line in once if "Sin(" in line]
    assert [line for line in inside if "W" in line or "exp" in line.lower()] == []


@pytest.mark.quick
@pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])
def test_every_schedule_gives_the_same_bits(backend: str) -> None:
    model, x = rb.LRU(3, 20, rng=0, initial="learned"), reals(11, 5, 3, dtype="float32")
    how = {"chunk": 2, "backend": backend}
    cached = rb.bptt(model, x, x, half_square, **how)
    for checkpoint in ("sqrt", lambda n: rb.schedules.Revolve(n, 2)):
        found = rb.bptt(model, x, x, half_square, checkpoint=checkpoint, **how)
        assert_same_bits(found, cached)


def test_impulses_decay_as_the_powers_of_the_eigenvalues() -> None:
    """y(t) = Re(C λᵗ γ B x) + D x of an impulse at t = 0."""
    model, x = rb.LRU(2, 5, dtype="float64", rng=0, r_min=0.9), np.zeros((400, 1, 2))
    x[0] = 1
    p, lam = model.params, eigenvalues(model)
    h = np.exp(p["gamma_log"]) * ((p["weight_B"][:5] + 1j * p["weight_B"][5:]) @ x[0, 0])
    c = p["weight_C_re"] + 1j * p["weight_C_im"]
    expected = [(c @ (lam**t * h)).real for t in range(400)]
    expected[0] += p["weight_D"] * x[0, 0]
    np.testing.assert_allclose(rb.predict(model, x)[0][:, 0], expected, atol=1e-12)


def test_copies_and_dtypes() -> None:
    model, x = rb.LRU(3, 4, rng=0), reals(5, 2, 3)
    single = x.astype("float32")
    y, _ = rb.predict(copy.deepcopy(model), single)
    np.testing.assert_array_equal(y, rb.predict(model, single)[0])
    np.testing.assert_allclose(rb.predict(model.astype("float64"), x)[0], y, atol=1e-5)


@pytest.mark.long
def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path: Path) -> None:
    x = reals(8, 5, 3, dtype="float32")
    data, loss = rb.Sequences(x, x[..., :2], batch_size=4), rb.losses.MeanSquaredError()

    def model() -> rb.Sequential:
        return rb.Sequential(rb.LRU(3, 4, rng=0), rb.GELU(), rb.Dense(3, 2, rng=1))

    whole, stopped = model(), model()
    rb.fit(whole, data, loss, "adam", epochs=4, seed=1)
    rb.fit(stopped, data, loss, "adam", epochs=2, seed=1, folder=tmp_path)
    other = model()
    rb.fit(other, data, loss, "adam", epochs=4, seed=1, folder=tmp_path, resume=True)
    assert_same_arrays(other.params.values(), whole.params.values())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"r_min": 0.9, "r_max": 0.5}, "r_min < r_max ≤ 1 must hold, found 0.9 and 0.5"),
        ({"r_max": 1.1}, "r_min < r_max ≤ 1 must hold, found 0.0 and 1.1"),
        ({"r_min": -0.1}, "LRU: r_min must lie in"),
        ({"max_phase": 0}, "LRU: max_phase must lie in"),
    ],
)
def test_rings_that_are_none_are_refused(how: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rb.LRU(3, 4, **how)


def test_what_it_has_no_part_for_is_refused() -> None:
    with pytest.raises(TypeError, match="LRU: unknown option 'bias'"):
        rb.LRU(3, 4, bias=False)  # type: ignore[call-arg]

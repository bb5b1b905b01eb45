"""experiments/catchment.py: its water against closed forms, its networks by hand, a small run."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

SCRIPT = Path(__file__).parent.parent / "experiments" / "catchment.py"
CAT = runpy.run_path(str(SCRIPT))
NAMES = [*CAT["ATTRIBUTES"]]
EA, BOTH, ALONE = CAT["EA"], CAT["BOTH"], CAT["ALONE"]
ROW = re.compile(r"^(EA-LSTM|LSTM, .*?) +(-?[\d.]+) +(-?[\d.]+) \| +(-?[\d.]+) +(-?[\d.]+)$", re.M)


def random(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape)


def attributes(**given: float) -> Any:
    """(1, 10) In the middle of their ranges, but for those that are given by their first word."""
    first = [name.split()[0].strip(",") for name in NAMES]
    middle = dict(zip(first, np.mean([*CAT["ATTRIBUTES"].values()], axis=1), strict=False))
    assert set(given) <= set(middle)
    return np.array([[*(middle | given).values()]])


def forcing(rain: Any, temperature: Any, potential: Any) -> Any:
    """(T, 1, 3)"""
    return np.stack(np.broadcast_arrays(rain, temperature, potential), axis=-1)[:, None]


@pytest.mark.quick
def test_no_water_comes_from_nowhere_or_is_lost() -> None:
    data = CAT["synthesise"](20, 800, 0)
    discharge, evaporation, stored = CAT["runoff"](data.forcing, data.attributes)
    rain, _, potential = data.forcing.transpose(2, 0, 1)
    balance = (rain - discharge - evaporation).cumsum(axis=0) - stored
    assert np.abs(balance).max() < 1e-9
    np.testing.assert_array_equal(data.discharge[..., 0], discharge)
    assert discharge.min() >= 0
    assert evaporation.min() >= 0
    assert (evaporation <= potential * data.attributes[:, 6] + 1e-12).all()
    assert stored.min() >= -0.5 * data.attributes[:, 0].max()


def test_a_shower_runs_off_as_two_exponentials() -> None:
    rain, t = np.zeros(60), np.arange(60)
    rain[0] = 30
    times = attributes(soil=200, runoff=2, share=0.3, quick=3, slow=50)
    found, _, _ = CAT["runoff"](forcing(rain, 10, 0), times)
    quick, slow = ((1 - np.exp(-1 / days)) * np.exp(-t / days) for days in (3, 50))
    np.testing.assert_allclose(found[:, 0], 30 * 0.5**2 * (0.7 * quick + 0.3 * slow), rtol=1e-12)


def test_a_soil_that_is_full_passes_on_what_comes() -> None:
    """It begins half full, and so takes 100 of 1000 mm."""
    at_once = attributes(soil=200, runoff=2, share=0, quick=1e-3)
    found, _, _ = CAT["runoff"](forcing(np.full(3, 1000.0), 10, 0), at_once)
    np.testing.assert_allclose(found[:, 0], [900, 1000, 1000], rtol=1e-12)


def test_snow_lies_below_frost_and_melts_by_degrees() -> None:
    temperature = np.repeat([-1.0, 3.0], 30)
    rain = np.where(temperature < 0, 4.0, 0.0)
    drained = attributes(runoff=0, share=0, quick=1e-3, melt=4, snow=0.5)
    found, _, stored = CAT["runoff"](forcing(rain, temperature, 0), drained)
    np.testing.assert_allclose(found[:, 0], [*[0] * 30, *[4 * 2.5] * 12, *[0] * 18], atol=1e-9)
    np.testing.assert_allclose(stored[:30, 0], 4 * np.arange(1, 31), rtol=1e-12)


@pytest.mark.parametrize("k", range(8))
def test_each_attribute_matters(k: int) -> None:
    given = CAT["synthesise"](6, 1000, 0)
    low, high = (given.attributes.copy() for _ in range(2))
    low[:, k], high[:, k] = CAT["ATTRIBUTES"][NAMES[k]]
    few, many = (CAT["runoff"](given.forcing, a)[0] for a in (low, high))
    assert np.median(np.abs(few - many).mean(axis=0) / few.std(axis=0)) > 0.08


@pytest.mark.parametrize("k", [8, 9])
def test_two_attributes_mean_nothing(k: int) -> None:
    given = CAT["synthesise"](4, 100, 0)
    other = given.attributes.copy()
    other[:, k] += 1
    np.testing.assert_array_equal(CAT["runoff"](given.forcing, other)[0], given.discharge[..., 0])


def test_catchments_are_a_function_of_the_seed() -> None:
    one, same, other = (CAT["synthesise"](3, 50, seed) for seed in (4, 4, 5))
    for a, b, c in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).mean() > 0.5
    low, high = np.transpose([*CAT["ATTRIBUTES"].values()])
    assert ((low <= one.attributes) & (one.attributes <= high)).all()


def test_the_weather_has_seasons_and_wet_spells() -> None:
    rain, temperature, potential = CAT["weather"](np.random.default_rng(0), 3650, 30).T
    by_day = temperature.reshape(30, 10, 365).mean(axis=(0, 1))
    months = np.convolve(np.tile(by_day, 2), np.ones(31) / 31, "valid")[:365]
    assert abs(np.argmin(months) + 15 - 106) < 12  # days from 1 October to 15 January
    assert 16 < months.max() - months.min() < 24
    deviation = temperature - np.tile(by_day, 10)
    assert 0.75 < np.mean([np.corrcoef(v[1:], v[:-1])[0, 1] for v in deviation]) < 0.9
    wet = rain > 0
    after_wet, after_dry = (wet[:, 1:][before].mean() for before in (wet[:, :-1], ~wet[:, :-1]))
    assert after_wet - after_dry > 0.25
    assert (potential[temperature <= -5] == 0).all()
    assert 300 < 365 * potential.mean() < 800 < 365 * rain.mean() < 1500


def test_the_efficiency_is_one_less_the_share_of_variance() -> None:
    observed = random(50, 3, 1)
    mean = np.broadcast_to(observed.mean(axis=0), observed.shape)
    np.testing.assert_array_equal(CAT["efficiency"](observed, observed), 1)
    np.testing.assert_allclose(CAT["efficiency"](mean, observed), 0, atol=1e-12)
    shifted = CAT["efficiency"](observed + np.arange(3.0)[:, None], observed)
    variance = observed.var(axis=0)[:, 0]
    np.testing.assert_allclose(shifted, 1 - np.array([0, 1, 4]) / variance, rtol=1e-12)


def test_what_a_network_answers_is_turned_into_millimetres_not_below_0() -> None:
    data = CAT["synthesise"](3, 400, 0)
    model = CAT["build"](ALONE, 2, 0)
    model.params["1.weight"][...] = 0
    for bias in (0.5, -9):
        model.params["1.bias"][...] = bias
        expected = max(data.discharge.mean() + bias * data.discharge.std(), 0)
        found = CAT["simulate"](model, data, data)
        np.testing.assert_allclose(found, np.full((400, 3, 1), expected), rtol=1e-5)


def test_windows_keep_a_catchment_together() -> None:
    known = CAT["synthesise"](3, 600, 0)
    options: Any = SimpleNamespace(stride=100, warm_up=40, batch=4, seed=0)
    batches = list(CAT["windows"](known, options))
    assert [b.target.shape for b in batches] == [(365, 4, 1), (365, 4, 1), (365, 1, 1)]
    scaled, places = CAT["scaled"](known, known), []
    for batch in batches:
        for row, of in enumerate(batch.x["attributes"]):
            (which,) = np.flatnonzero((scaled["attributes"] == of).all(axis=1))
            first = batch.x["forcing"][0, row]
            (start,) = np.flatnonzero((scaled["forcing"][:, which] == first).all(axis=1))
            days = slice(start, start + 365)
            for name, found in (("forcing", batch.x["forcing"]), ("discharge", batch.target)):
                np.testing.assert_array_equal(found[:, row], scaled[name][days, which])
            weight = (known.discharge[:, which].std() + 0.1) ** -2
            expected = np.where(np.arange(365) < 40, 0, weight)
            np.testing.assert_allclose(batch.mask[:, row], expected, rtol=1e-6)
            places.append((which, start))
    assert sorted(places) == [(which, start) for which in range(3) for start in (0, 100, 200)]


def given(steps: int, rows: int) -> dict[str, Any]:
    found = {"forcing": random(steps, rows, 3), "attributes": random(rows, 10)}
    return {name: array.astype(np.float32) for name, array in found.items()}


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def test_the_ea_lstm_is_that_of_the_paper() -> None:
    """Its equations 7 to 12, in float64, from the parameters in the order of the cell's layers."""
    model, x = CAT["build"](EA, 5, 0), given(20, 4)
    p = {name: array.astype(float) for name, array in model.params.items()}
    assert sum(array.size for array in p.values()) == 5 * 11 + 3 * 5 * (3 + 5 + 1) + 6
    i = sigmoid(x["attributes"] @ p["lstm.weight_i"].T + p["lstm.bias_i"])
    fog = [[p[f"lstm.{k}.{name}"] for name in ("weight_0", "weight_1", "bias")] for k in (2, 4, 6)]
    h, c = np.zeros((2, 4, 5))
    expected = []
    for now in x["forcing"]:
        f, o, g = (now @ w.T + h @ u.T + b for w, u, b in fog)
        c = sigmoid(f) * c + i * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        expected.append(h @ p["1.weight"].T + p["1.bias"])
    np.testing.assert_allclose(rb.predict(model, x)[0], expected, atol=1e-6)
    assert (fog[0][2] == 3).all()


@pytest.mark.parametrize("chunk", [4, pytest.param(9, marks=pytest.mark.long)])
@pytest.mark.parametrize("network", [EA, pytest.param(BOTH, marks=pytest.mark.long)])
def test_gradients_by_the_complex_step(network: str, chunk: int) -> None:
    model, x = CAT["build"](network, 3, 0), given(9, 2)
    weights = (np.arange(9)[:, None] >= 3) * [2.0, 0.5]
    how: Any = {"mask": weights, "chunk": chunk}
    found = rb.check_grads(model, x, random(9, 2, 1), rb.losses.MeanSquaredError(), **how)
    assert found.worst < 1e-12


@pytest.mark.parametrize(("network", "knows"), [(EA, True), (BOTH, True), (ALONE, False)])
def test_who_knows_the_attributes(network: str, knows: bool) -> None:
    model, x = CAT["build"](network, 4, 0), given(30, 3)
    other = x | {"attributes": x["attributes"] + [[0], [1], [0]]}
    moved = np.abs(rb.predict(model, x)[0] - rb.predict(model, other)[0]).max(axis=(0, 2))
    assert (moved > 1e-3).tolist() == [False, knows, False]


def test_influence_is_a_difference_of_gates() -> None:
    model = CAT["build"](EA, 2, 0)
    weight = np.zeros((2, 10))
    weight[:, 3], weight[1, 7] = [1, -2], 4
    model.params["lstm.weight_i"][...] = weight
    model.params["lstm.bias_i"][...] = [0, 0.5]
    of_3 = np.mean([sigmoid(1) - sigmoid(-1), sigmoid(2.5) - sigmoid(-1.5)])
    expected = [0, 0, 0, of_3, 0, 0, 0, (sigmoid(4.5) - sigmoid(-3.5)) / 2, 0, 0]
    np.testing.assert_allclose(CAT["influence"](model), expected, rtol=1e-6)


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, options: str, *, drawn: bool = False
) -> None:
    monkeypatch.setitem(CAT["main"].__globals__, "find_spec", lambda name: drawn)
    monkeypatch.setattr(sys, "argv", f"catchment.py {options} --folder {folder}".split())
    CAT["main"]()


SMALL = "--ungauged 4 --years 1 --later 1 --batch 8 --stride 365"


@pytest.mark.long
def test_it_writes_what_it_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The efficiencies are those of the file's weights, in years and catchments held out."""
    run(monkeypatch, tmp_path, f"--gauged 8 --units 4 --epochs 2 {SMALL} --budget 0.5MB --seed 3")
    text = capsys.readouterr().out
    assert text.startswith("8 catchments to learn from, 4 held out; 1 years, 1 held out; runoff")
    assert text.count("2 updates in") == 3
    assert [path.name for path in tmp_path.iterdir()] == ["ea-lstm.safetensors"]
    data = CAT["synthesise"](12, 3 * 365, 3)
    known = data.part(slice(365, 730), slice(8))
    model = CAT["build"](EA, 4, 9)
    rb.load_weights(model, tmp_path / "ea-lstm.safetensors")
    score = CAT["efficiency"](CAT["simulate"](model, data, known)[730:], data.discharge[730:])
    expected = [np.quantile(v, q) for v in (score[:8], score[8:]) for q in (0.5, 0.1)]
    assert [name for name, *_ in ROW.findall(text)] == [EA, BOTH, ALONE]
    np.testing.assert_allclose([float(v) for v in ROW.findall(text)[0][1:]], expected, atol=2e-3)
    for name, moved in zip(NAMES, CAT["influence"](model), strict=True):
        assert f"{name:28} {moved:8.3f}" in text


@pytest.mark.long
def test_attributes_help_where_discharge_was_never_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (
        "--epochs 15 --gauged 48 --ungauged 16 --years 3 --later 1 --units 16 --stride 73 --lr 2e-2"
    )
    pytest.importorskip("matplotlib")
    run(monkeypatch, tmp_path, options, drawn=True)
    rows = ROW.findall(capsys.readouterr().out)
    found = {name: [float(v) for v in values] for name, *values in rows}
    assert found[EA][0] > found[ALONE][0] + 0.1
    assert found[EA][2] > found[ALONE][2] + 0.05
    assert (tmp_path / "catchment.png").stat().st_size > 50_000

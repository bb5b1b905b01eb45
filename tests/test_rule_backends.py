"""Backends as values: rules left out, costs, names that do not exist; forecasts."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt import calibration
from rnnbp.compiler.passes import RULES
from rnnbp.support.memo import Recent
from tests.rule_cells import MSE


@pytest.mark.quick
@pytest.mark.parametrize("rule", RULES)
def test_a_forecast_without_a_rule_is_the_ledger(rule: str) -> None:
    backend = rb.Backend("numpy", without=(rule,))
    model, rng = rb.LSTM(32, 64, rng=0), np.random.default_rng(0)
    x, y = (rng.normal(size=(20, 8, n)).astype(np.float32) for n in (32, 64))
    found = rb.forecast(model, MSE, steps=20, batch=8, chunk=8, checkpoint="sqrt", backend=backend)
    stats = rb.bptt(model, x, y, MSE, chunk=8, checkpoint="sqrt", backend=backend).stats
    assert (stats.peak_bytes, stats.peak_bytes_by_kind) == (
        found.peak_bytes,
        found.peak_bytes_by_kind,
    )


def test_a_backend_is_a_value() -> None:
    assert rb.Backend("numpy", without=["joined", "parts", "joined"]) == rb.Backend(
        "numpy", ("parts", "joined")
    )
    several = (
        rb.Backend("numpy"),
        rb.Backend("numpy"),
        rb.Backend("interpreter"),
        rb.Backend("numpy", without=("sums",)),
    )
    assert len(set(several)) == 3
    seconds = dict.fromkeys(("Advance", "Keep", "Record", "Rebuild", "Backward"), 1e-3)
    model, costs = rb.RNN(2, 2), rb.Costs(seconds, seconds)
    a, b = (
        rb.plan(model, MSE, steps=9, batch=1, budget="1 MB", costs=costs, backend=given).sizes
        for given in (None, rb.Backend(without=("sums",)))
    )
    assert a.backend == rb.Backend()
    assert a.backend.without == ()
    assert b.backend.without == ("sums",)


def test_costs_are_measured_for_each_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[rb.Backend] = []
    monkeypatch.setattr(calibration, "_known", Recent(256))
    monkeypatch.setattr(calibration, "measured", lambda sizes, room: measured.append(sizes.backend))
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    for backend in (
        None,
        "numpy",
        rb.Backend(without=("sums",)),
        rb.Backend(without=("sums",)),
        "interpreter",
    ):
        rb.calibrate(rb.RNN(2, 2), batch=1, backend=backend)
    assert measured == [
        rb.Backend("numpy"),
        rb.Backend("numpy", without=("sums",)),
        rb.Backend("interpreter"),
    ]


def test_the_backend_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("numpy", "interpreter"):
        monkeypatch.setenv("RNNBP_BACKEND", given)
        assert rb.Backend().name == given
    monkeypatch.delenv("RNNBP_BACKEND")
    assert rb.Backend().name == ("llvm" if find_spec("llvmlite") else "numpy")
    monkeypatch.setenv("RNNBP_BACKEND", "cuda")
    with pytest.raises(ValueError, match="backend 'cuda' is unknown"):
        rb.Backend()
    monkeypatch.setattr(import_module("rnnbp.runners.backend"), "installed", lambda: False)
    with pytest.raises(
        ImportError,
        match="backend 'llvm' needs llvmlite; run python -m pip install llvmlite, "
        "or use backend='numpy'",
    ):
        rb.Backend("numba")
    monkeypatch.delenv("RNNBP_BACKEND")
    assert rb.Backend().name == "numpy"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"name": "cuda"},
            ValueError,
            "backend 'cuda' is unknown; use one of 'numpy', 'llvm', 'interpreter', or None",
        ),
        (
            {"without": ("fused",)},
            ValueError,
            "rule 'fused' is unknown; leave out some of 'constants', 'parts', 'sums'",
        ),
        (
            {"without": "joined"},
            TypeError,
            r"without is a collection of rules, found 'joined'; write as \('joined',\)",
        ),
        (
            {"name": "interpreter", "without": ("sums",)},
            ValueError,
            r"the interpreter has no rules, found without=\['sums'\]; leave it out",
        ),
    ],
)
def test_what_a_backend_refuses(
    given: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        rb.Backend(**given)  # type: ignore[arg-type]

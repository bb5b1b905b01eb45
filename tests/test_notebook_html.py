"""What a notebook shows of results: small tables and pictures, whose values are the object's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.schedules.declared import BLUE, GREEN, GREY, RED
from tests.helpers import reals
from tests.pictures import Drawn, drawn, parsed, tables

LOSS = rb.losses.MeanSquaredError()
KINDS = ("Advance", "Keep", "Record", "Rebuild", "Backward")
COSTS = rb.Costs(dict.fromkeys(KINDS, 1e-4), dict.fromkeys(KINDS, 1e-6))
PIXEL = 0.01
"""Relative: places in a picture have two digits after the point."""


def html(result: Any) -> str:
    found = result._repr_html_()
    assert isinstance(found, str)
    return found


def lines_of(picture: Drawn, colour: str) -> list[np.ndarray]:
    return [points for own, points in picture.lines if own == colour]


# History


def test_a_history_draws_its_losses() -> None:
    losses = [3.0, 2.5, math.nan, 2.0, 1.25]
    history = rb.History(losses, [2.75, 1.5], [2, 5], seconds=1.5, reason="finished")
    (rows,) = tables(html(history))
    assert rows[0] == ["losses", "3 at first, 1.25 at last"]
    assert rows[1] == ["validation_losses", "2.75 at first, 1.5 at last"]
    picture = drawn(html(history))
    assert {"steps", "loss", "loss of the step", "validation"} <= {*picture.texts}
    (training,) = lines_of(picture, BLUE)
    expected = [(1, 3.0), (2, 2.5), (4, 2.0), (5, 1.25)]  # what is not finite is left out
    np.testing.assert_allclose(training, expected, atol=2 * PIXEL)
    for validation in (*lines_of(picture, RED), np.array([place for _, place in picture.dots])):
        np.testing.assert_allclose(validation, [(2, 2.75), (5, 1.5)], atol=2 * PIXEL)


def test_a_long_history_draws_means_on_an_axis_of_logarithms() -> None:
    losses = 1e3 * np.exp(-np.arange(10_000) / 800)
    history = rb.History([*losses], [*losses[::10]], [*range(1, 10_001, 10)])
    assert len(html(history)) < 40_000
    (training,) = lines_of(drawn(html(history), log=True), BLUE)
    assert training.shape == (400, 2)
    means = losses.reshape(400, 25).mean(1)
    np.testing.assert_allclose(training[:, 0], np.arange(400) * 25 + 13, atol=20)
    np.testing.assert_allclose(training[:, 1], means, rtol=3e-3)
    (validation,) = lines_of(drawn(html(history), log=True), RED)
    np.testing.assert_allclose(validation[-1], [9991, losses[9990]], rtol=3e-3)
    assert len(repr(history).splitlines()) < 8


@pytest.mark.parametrize(
    "history",
    [rb.History(), rb.History([2.0]), rb.History([math.nan] * 9), rb.History([math.inf, 1.0])],
)
def test_a_history_with_nothing_to_draw_is_a_table(history: rb.History) -> None:
    assert "<svg" not in html(history)


@pytest.mark.parametrize("losses", [[0.0, 0.0], [-1.0, 500.0], [5.0] * 3, [1e-300, 1e300]])
def test_a_history_of_any_numbers_is_drawn(losses: list[float]) -> None:
    assert "<svg" in html(rb.History(losses))
    assert "nan" not in html(rb.History(losses))


# Gradients


def chain(count: int) -> rb.Sequential:
    return rb.Sequential(*(rb.Dense(2, 2, rng=k) for k in range(count)))


def test_gradients_are_a_table() -> None:
    x, y = reals(3, 2, 2, dtype="float32"), reals(3, 2, 2, dtype="float32", seed=1)
    found = rb.bptt(chain(2), x, y, LOSS)
    rows, table = tables(html(found))
    assert [row[0] for row in rows] == ["dx", "stats"]
    assert table[0] == ["gradient by", "shape", "dtype", "largest"]
    assert table[1:] == [
        [name, str(g.shape), "float32", f"{np.abs(g).max():.4g}"] for name, g in found.grads.items()
    ]


def test_very_many_gradients_fit_a_screen() -> None:
    x = reals(3, 2, 2, dtype="float32")
    found = rb.bptt(chain(500), x, x, LOSS)
    assert len(found.grads) == 1000
    _, table = tables(html(found))
    assert len(table) == 1 + 24
    assert table[-1] == ["977 more"]
    assert_a_screen(repr(found))


def assert_a_screen(text: str) -> None:
    lines = text.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


# Plans


def test_a_plan_draws_what_is_run_when() -> None:
    plan = rb.plan(rb.LSTM(3, 4, rng=0), LOSS, steps=400, batch=5, budget="185 kB", costs=COSTS)
    found = html(plan)
    assert plan.chosen.name.startswith("revolve")
    (rows,) = tables(found)
    assert [row[0] for row in rows] == ["bytes", "seconds", "frontier"]
    picture = drawn(found)
    timeline = rb.compare.timeline(plan.schedule, 400, plan.chunk)
    one = timeline.length * PIXEL / 2
    for kind, colour in (("advance", BLUE), ("record", GREEN)):
        expected = [[(at.begin, at.low), (at.end, at.high)] for at in lines_in(timeline, kind)]
        np.testing.assert_allclose(lines_of(picture, colour), expected, atol=one)
    backward = [[(at.begin, at.high), (at.end, at.low)] for at in lines_in(timeline, "backward")]
    np.testing.assert_allclose(lines_of(picture, RED), backward, atol=one)
    held = {kind: [h for h in timeline.held if h.kind == kind] for kind in ("tape", "checkpoint")}
    tapes = [[(h.begin, h.low), (h.end, h.high)] for h in held["tape"]]
    np.testing.assert_allclose(picture.boxes, tapes, atol=one)
    kept = [[(h.begin, h.low), (h.end, h.low)] for h in held["checkpoint"]]
    np.testing.assert_allclose(lines_of(picture, GREY), kept, atol=one)


def lines_in(timeline: rb.compare.Timeline, kind: str) -> list[Any]:
    return [line for line in timeline.lines if line.kind == kind]


def test_a_plan_of_many_chunks_draws_what_other_budgets_would_buy() -> None:
    plan = rb.plan(rb.LSTM(3, 4, rng=0), LOSS, steps=10**6, batch=2, budget="25 MB", costs=COSTS)
    picture = drawn(html(plan), log=True)
    assert "forecast" not in vars(plan)  # which goes through all chunks
    (points,) = lines_of(picture, BLUE)
    expected = [(other.bytes / 1e6, other.seconds) for other in plan.frontier]
    np.testing.assert_allclose(points[:, 0], [mb for mb, _ in expected], atol=0.5)
    np.testing.assert_allclose(points[:, 1], [seconds for _, seconds in expected], rtol=0.05)
    (chosen,) = [place for colour, place in picture.dots if colour == RED]
    np.testing.assert_allclose(chosen[0], plan.chosen.bytes / 1e6, atol=0.5)
    (budget,) = lines_of(picture, GREY)
    np.testing.assert_allclose(budget[:, 0], 25, atol=0.5)


def test_a_plan_over_time_has_a_table_of_sweeps() -> None:
    x = rb.Input(3)
    both = rb.Bidirectional(rb.GRU(3, 4, name="a", rng=1), rb.GRU(3, 4, name="b", rng=2))
    model = rb.Graph(x, rb.Dense(8, 2, rng=3)(both(x)))
    plan: Any = rb.plan(model, LOSS, steps=200, batch=2, budget="1 MB", costs=COSTS)
    rows, table = tables(html(plan))
    assert [row[0] for row in rows] == ["bytes", "edges", "seconds"]
    assert [row[:4] for row in table[1:]] == [
        [each.axis, ", ".join(each.layers), each.name, f"{each.chunk:,}"] for each in plan.sweeps
    ]
    assert "step of the sequence" in drawn(html(plan)).texts
    assert repr(plan).startswith("NetworkPlan: ")


# Summaries and names


def test_a_summary_is_its_table() -> None:
    summary = chain(3).summary(10, 2)
    (table,) = tables(html(summary))
    assert table[0] == ["name", "layer", "output", "parameters", "kept", "FLOPs"]
    assert [row[:4] for row in table[1:]] == [
        [row.name, row.layer, "(10, 2, 2)", str(row.parameters)] for row in summary.rows
    ]
    assert str(summary).splitlines()[-1] in "".join(parsed(html(summary)).itertext())


def test_a_long_summary_fits_a_screen_and_prints_whole() -> None:
    summary = chain(1000).summary(10, 2)
    assert_a_screen(repr(summary))
    assert "971 more; print(summary) shows them" in repr(summary).splitlines()
    assert len(str(summary).splitlines()) == 1000 + 6
    (table,) = tables(html(summary))
    assert table[-1] == ["977 more"]


def test_names_are_escaped() -> None:
    name = "<b>&\"'</b>"
    model = rb.Sequential(rb.Dense(2, 2, name=name))
    x = reals(3, 2, 2, dtype="float32")
    _, table = tables(html(rb.bptt(model, x, x, LOSS)))
    assert table[1][0] == f"{name}.weight"
    (table,) = tables(html(model.summary()))
    assert table[1][0] == name
    history = rb.History([1.0, 2.0], metrics={name: [0.5]}, reason=name)
    assert name in "".join(parsed(html(history)).itertext())


@pytest.mark.parametrize("kind", [rb.Gradients, rb.History, rb.Plan])
def test_an_object_that_is_not_complete_leaves_it_to_the_repr(kind: Any) -> None:
    assert object.__new__(kind)._repr_html_() is None


def test_very_many_metrics_fit_a_screen() -> None:
    history = rb.History([1.0], metrics={f"metric_{k}": [0.5] for k in range(1000)})
    assert_a_screen(repr(history))
    assert len(html(history)) < 4000

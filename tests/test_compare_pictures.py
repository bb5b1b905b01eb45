"""The pictures of a comparison; all of this module is skipped where Matplotlib is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compare import Comparison

pytest.importorskip("matplotlib")

from rnnbp.compare import draw, draw_frontier, draw_schedules  # imports Matplotlib


@pytest.fixture(scope="module")
def found() -> Comparison:
    x = np.random.default_rng(0).standard_normal((40, 2, 3), np.float32)
    target = x[:, :, :1].repeat(8, axis=2)
    return rb.compare.sweep(
        rb.GRU(3, 8, rng=0), x, target, rb.losses.MeanSquaredError(), shares=[60, 100], repeats=1
    )


@pytest.mark.long
def test_pictures_are_files_and_in_the_page(found: Comparison, tmp_path: Path) -> None:
    names = [path.name for path in rb.compare.save(found, tmp_path, html=True)]
    assert names == ["compare.csv", "compare.json", "frontier.png", "schedules.png", "compare.html"]
    for name in names[2:4]:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "compare.html").read_text(encoding="utf-8").count(
        'src="data:image/png;base64,'
    ) == 2


@pytest.mark.long
def test_every_schedule_has_a_mark_and_is_drawn_once(found: Comparison) -> None:
    markers = draw.markers()
    assert [name for name in markers if name in rb.compare.SCHEDULES] == list(rb.compare.SCHEDULES)
    assert len(set(markers.values())) == len(markers)
    groups = draw_schedules.drawn_rows(found)
    names = [row.choice.name for rows in groups for row in rows]
    assert sorted(names) == sorted({row.choice.name for row in found.rows})
    assert all(len({row.choice.key for row in rows}) == 1 for rows in groups)
    assert len({rows[0].choice.key for rows in groups}) == len(groups)


def test_the_best_are_those_that_no_run_beats(found: Comparison) -> None:
    best = draw_frontier.best_measured(list(found.rows))
    runs = [(row.measured.stats.peak_bytes, row.measured.ratio) for row in found.rows]
    for n, ratio in best:
        assert not any((m <= n and r < ratio) or (m < n and r <= ratio) for m, r in runs)
    for m, r in runs:
        assert any(n <= m and ratio <= r for n, ratio in best)


@pytest.mark.parametrize(
    ("low", "high"), [(1e5, 1.7e5), (3.1e6, 5.3e6), (2e6, 3e7), (1e5, 5e7), (1e5, 5e9)]
)
def test_axes_of_bytes_have_a_few_round_numbers(low: float, high: float) -> None:
    ticks = draw_frontier.byte_ticks(low, high)
    assert 2 <= len(ticks) <= 9
    assert all(low <= tick <= high for tick in ticks)


@pytest.mark.quick
def test_one_schedule_of_few_steps_can_be_drawn() -> None:
    x = np.zeros((1, 1, 2), np.float32)
    model, loss = rb.RNN(2, 3, rng=0), rb.losses.MeanSquaredError()
    found = rb.compare.sweep(
        model, x, x[:, :, :1].repeat(3, axis=2), loss, shares=[100], schedules=["all"], repeats=1
    )
    assert draw_frontier.frontier(found).startswith(b"\x89PNG")
    assert draw_schedules.schedules(found).startswith(b"\x89PNG")

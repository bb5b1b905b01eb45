"""Scripts of several processes under profiling/, on a small model: what they write, and the formula of a step."""

from __future__ import annotations

from math import log2
from pathlib import Path
from typing import Any

import pytest

from tests.installed import need
from tests.profiling_scripts import script, written

pytestmark = [pytest.mark.long, pytest.mark.grid]
need("mpi4py", extra="mpi")
SMALL = ["--problems", "small", "--rounds", "1", "--seconds", "0", "--out"]


def closed(row: dict[str, Any], net: dict[str, float], work: dict[str, Any], slow: float) -> float:
    """The formula at the head of the script, for powers of two."""
    processes, shards, n = row["processes"], row["shards"], work["nbytes"]
    own = shards // processes
    copies, additions = n * slow * work["copy"], n * slow * work["add"]
    alone = own * slow * work["shard"][str(shards)] + slow * work["update"]
    alone += max(1, own / 2) * copies + (own - 1) * additions
    message = net["latency"] + n * net["per_byte"]
    return float(alone + log2(processes) * (message + additions))


def test_network_model(tmp_path: Path) -> None:
    result = written(script("network_model.py", *SMALL, str(tmp_path)), tmp_path, "network_model")
    even = [row for row in result["rows"] if row["processes"] != 3]
    assert len(even) == len(result["rows"]) - 1 == 7
    for row in even:
        count = row["processes"]
        work = result["work"]["small"][str(min(count, 2))]
        wanted = closed(row, result["nets"][str(count)], work, max(1.0, count / 2))
        assert row["predicted"] == pytest.approx(wanted)
        assert 0 < row["fastest"] <= row["measured"]
    for row in result["larger"]:
        assert 0 < row["growing"] <= row["processes"] * (1 + 1e-9)
    assert [row["processes"] for row in result["larger"]][-1] == 1024


def test_two_ranks(tmp_path: Path) -> None:
    found = script("two_ranks.py", *SMALL, str(tmp_path), "--shards", "2")
    rows = {row["processes"]: row for row in written(found, tmp_path, "two_ranks")["rows"]}
    assert [*rows] == ["1", "2", "whole", "2, parts"]
    assert rows["1"]["messages"] == rows["whole"]["messages"] == 0 < rows["2"]["messages"] < 1
    assert rows["1"]["over 1"] == rows["whole"]["over whole"] == 1
    assert all(row["seconds"] > 0 for row in rows.values())


def test_data_parallel(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    found = script("data_parallel.py", *SMALL, str(tmp_path))
    row = written(found, tmp_path, "data_parallel")["rows"][0]
    assert row["apart"]["rnnbp"] == 0 < row["apart"]["PyTorch"] < 1e-3
    assert row["ratio of seconds"] > 0

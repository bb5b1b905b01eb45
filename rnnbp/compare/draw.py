"""What pictures of a comparison share: marks of schedules, and how they are written."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from rnnbp.compare.choices import PLAN, SHORT_PLAN
from rnnbp.schedules.declared import Marker
from rnnbp.schedules.registry import KINDS


def markers() -> dict[str, Marker]:
    """How each kind of schedule is drawn, by name, in the order of legends."""
    planned = {PLAN: Marker("*", "black"), SHORT_PLAN: Marker("*", "tab:gray")}
    return {label: kind.marker for label, kind in KINDS.items()} | planned


def png(figure: Figure) -> bytes:
    """The file of a figure."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=130)
    return data.getvalue()

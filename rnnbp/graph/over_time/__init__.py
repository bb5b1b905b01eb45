"""Internal: blocks that make a static value of a series, and what they hold while chunks pass."""

from rnnbp.graph.over_time.largest import MaxOverTime
from rnnbp.graph.over_time.last import Last
from rnnbp.graph.over_time.mean import MeanOverTime
from rnnbp.graph.over_time.whole import WholeSeries

__all__ = ["Last", "MaxOverTime", "MeanOverTime", "WholeSeries"]

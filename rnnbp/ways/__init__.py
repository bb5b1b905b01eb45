"""Internal: what to do instead of passing an argument of a different library, or a future one."""

from rnnbp.ways.files import INTERCHANGE
from rnnbp.ways.models import MODELS
from rnnbp.ways.runs import RUNS_AND_TRAINING
from rnnbp.ways.way import Way

__all__ = ["ON_SOURCES", "WAYS", "Way"]

WAYS = (*MODELS, *INTERCHANGE, *RUNS_AND_TRAINING)
"""The first that fits counts."""
ON_SOURCES = ("fit", "Trainer.fit", "Trainer.evaluate", "Trainer.predict")
"""What takes a source in the place of arrays."""

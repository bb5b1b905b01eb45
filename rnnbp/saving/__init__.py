"""Internal: whole models as files: what a model is made of, as JSON, and its arrays."""

from rnnbp.saving.models import load, save

__all__ = ["load", "save"]

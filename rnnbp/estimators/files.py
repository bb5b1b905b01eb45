"""Fitted estimators as files."""

from __future__ import annotations


class Saved:
    """Estimators that can be saved."""

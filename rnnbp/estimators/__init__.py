"""Recurrent networks as estimators of scikit-learn."""

__all__: list[str] = []

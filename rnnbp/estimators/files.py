"""Fitted estimators as files: the model, and the parameters and attributes next to it."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from rnnbp.estimators.packing import packed
from rnnbp.saving.models import write
from rnnbp.storage import PathLike, as_path
from rnnbp.wording.arguments import takes

VERSION = 1
"""Of what a file says of an estimator."""
KIND, PARAMS, FITTED = "estimator", "params", "fitted"
NEVER = ("model_",)


class Saved(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """An estimator with a model, which can be saved."""

    @takes()
    def save(self, path: PathLike) -> None:
        """Write the fitted estimator as one file, which ``rnnbp.estimators.load`` reads.

        It is a safetensors file with a checksum, without code or pickle. It holds the model, as
        ``rnnbp.save`` writes it, and the estimator's parameters and attributes; ``rnnbp.load``
        reads the model alone.

        Args:
            path: the file, by convention ``*.safetensors``.

        Raises NotFittedError before ``fit``; ValueError for a parameter that a file cannot hold, as
        a RandomState; StorageError if it cannot be written.
        """
        check_is_fitted(self)
        params = self.get_params(deep=False)
        if isinstance(params["random_state"], np.random.RandomState):
            raise ValueError(
                f"{type(self).__name__}: random_state is a RandomState, which a file cannot hold; "
                "save after set_params(random_state=None)"
            )
        own = {
            name: packed(value)
            for name, value in vars(self).items()
            if name not in params and name not in NEVER
        }
        given = {name: packed(value) for name, value in params.items()}
        more = {"version": VERSION, KIND: type(self).__name__, PARAMS: given, FITTED: own}
        write(self.model_, as_path(f"{type(self).__name__}.save: path", path), more)

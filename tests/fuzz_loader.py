"""What reads one kind of file under mutations, and that of whole models."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np

import rnnbp as rb
from tests import fuzz_inputs as inputs
from tests.saved_models import Swish


class Loader(ABC):
    """One kind of file, and what reads it."""

    mutations: ClassVar[tuple[inputs.Mutation, ...]]
    errors: ClassVar[tuple[type[Exception], ...]]
    path: Path
    good: bytes

    @abstractmethod
    def load(self) -> None:
        """Read the file, as it is now."""

    def state(self) -> bytes:
        """What a file that is refused must not change."""
        return self.path.read_bytes()

    def restore(self) -> None:
        """Undo what a file that was taken has changed: nothing, unless said otherwise."""
        return


class WholeModel(Loader):
    """A whole model, with a layer of a user's own and a constant."""

    mutations, errors = inputs.TENSORS, (ValueError, TypeError)

    def __init__(self, folder: Path) -> None:
        self.path = folder / "whole"
        x = rb.Input(2, "x")
        both = rb.Bidirectional(rb.RNN(2, 2, dropout=0.1, rng=0), rb.GRU(2, 2, rng=1))
        y, (first, _) = both(Swish(1.5)(x * np.arange(2)), return_state=True)
        outputs = {"y": rb.Dense(4, 2, rng=2)(y), "last": first + rb.Last()(x)}
        rb.save(rb.Graph(x, outputs), self.path)
        self.good = self.path.read_bytes()

    def load(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = rb.load(self.path, layers={"Swish": Swish})
        if not isinstance(model, rb.Layer | rb.Graph | rb.Recurrent):
            raise AssertionError("what was loaded is no model")

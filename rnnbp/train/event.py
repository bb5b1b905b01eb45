"""The argument of callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnbp.numerics import Array, shown

if TYPE_CHECKING:
    from rnnbp.train.loop import Trainer


@dataclass(frozen=True, slots=True)
class Event:
    """The argument of callbacks.

    Attributes:
        kind: "step", "validation" or "epoch".
        metrics: the line of metrics of its step; ["val_loss"] is its "validation", ["val_accuracy"]
            its "validation_accuracy".
        trainer: the Trainer.

    >>> import numpy as np, rnnbp as rb
    >>> x = np.ones((4, 5, 1), np.float32)
    >>> def watch(event):
    ...     if event.kind == "step" and event.metrics["step"] == 3:
    ...         event.stop(f"the gradients are of {sorted(event.grads)}")
    >>> model, data = rb.Sequential(rb.Dense(1, 1)), rb.Sequences(x, x, batch_size=2)
    >>> history = rb.fit(model, data, rb.losses.MeanSquaredError(), epochs=9, callbacks=[watch])
    >>> history.steps, history.reason
    (3, "the gradients are of ['0.bias', '0.weight']")
    """

    kind: str
    metrics: Mapping[str, Any]  # a number, text or None, by the name that the caller knows
    trainer: Trainer = field(repr=False)
    _grads: Mapping[str, Array] | None = field(default=None, repr=False)

    @property
    def grads(self) -> dict[str, Array] | None:
        """The clipped gradients of the step, by parameter path: read-only arrays.

        They have the shapes and dtypes of the parameters. None for kinds other than "step", and if
        a batch was skipped or had no weight, and where the optimiser is partitioned over processes,
        none of which has whole gradients.
        """
        return (
            None if self._grads is None else {name: readonly(g) for name, g in self._grads.items()}
        )

    def stop(self, reason: str = "stopped by a callback") -> None:
        """End the run when the files of this step are written; ``reason`` is that of the History.

        Raises TypeError unless ``reason`` is some text, RuntimeError when ``fit`` has ended.
        """
        if not isinstance(reason, str) or not reason:
            raise TypeError(f"Event.stop: reason must be some text, found {shown(reason)}")
        self.trainer.stop(reason)


def readonly(array: Array) -> Array:
    """A view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def check_callbacks(callbacks: object) -> tuple[Callable[[Event], object], ...]:
    """The callbacks of a Trainer. Raises TypeError unless they are a sequence of functions."""
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(
            f"Trainer: callbacks is a list of functions of an Event, found {shown(callbacks)}; "
            "give [f]"
        )
    for k, found in enumerate(callbacks):
        if isinstance(found, type) or not callable(found):
            raise TypeError(
                f"Trainer: callbacks[{k}] must be a function of an Event, found {shown(found)}; "
                "build it"
            )
    return tuple(callbacks)

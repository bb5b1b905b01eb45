"""L-BFGS, for full batches, through SciPy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

from rnnbp.numerics import positive_int, real_number
from rnnbp.optim.groups import Frozen, frozen_names
from rnnbp.optim.lbfgs_search import Closure, LossNotFiniteError, Search
from rnnbp.optim.parameters import Params, check_writable, distinct
from rnnbp.support.ieee import ieee


@dataclass(frozen=True, slots=True)
class LBFGSResult:
    """The result of ``lbfgs``. The model has the parameters of the least loss.

    Attributes:
        loss: the least loss seen.
        iterations: iterations of the search.
        evaluations: calls of the closure.
        converged: True if a tolerance was met.
        message: why the search ended, in words.
    """

    loss: float
    iterations: int
    evaluations: int
    converged: bool
    message: str


class _Options(TypedDict):
    """What SciPy's L-BFGS-B takes, by its names."""

    maxiter: int
    maxcor: int
    maxfun: int
    gtol: float
    ftol: float


@ieee
def lbfgs(
    closure: Closure,
    params: Params,
    max_iter: int = 100,
    *,
    history: int = 10,
    gradient_tolerance: float = 1e-5,
    loss_tolerance: float = 2.2e-9,
    max_evaluations: int = 15000,
    frozen: Frozen = (),
) -> LBFGSResult:
    """Minimise a deterministic loss over all parameters at once (Liu & Nocedal 1989), in place.

    Args:
        closure: returns (loss, gradients by name) at the present values of ``params``.
        params: live arrays by name, or a model. The search is in float64; values are rounded to
            their dtypes.
        max_iter: iterations at most.
        history: pairs that approximate the Hessian.
        gradient_tolerance: the search ends when no gradient element exceeds it.
        loss_tolerance: the search ends when an iteration lowers the loss by less than this part of
            it.
        max_evaluations: calls of ``closure`` at most.
        frozen: patterns of names that are not updated, or layers, as ``model[0]``; the closure may
            return their gradients.

    Returns:
        An ``LBFGSResult``.

    However the search ends, by an exception or KeyboardInterrupt too, the parameters are those of
    the least loss seen. A loss that becomes NaN or infinite on the way ends it, with ``converged``
    False. Raises FloatingPointError if it is so at the start, and as ``Optimizer.step`` for
    gradients.

    >>> import numpy as np, rnnbp as rb
    >>> p = {"w": np.array([3.0, -2.0])}
    >>> result = rb.optim.lbfgs(lambda: (float((p["w"] ** 2).sum()), {"w": 2 * p["w"]}), p)
    >>> result.converged, bool(np.abs(p["w"]).max() < 1e-5)
    (True, True)
    """
    options: _Options = {
        "maxiter": positive_int("lbfgs: max_iter", max_iter),
        "maxcor": positive_int("lbfgs: history", history),
        "maxfun": positive_int("lbfgs: max_evaluations", max_evaluations),
        "gtol": real_number("lbfgs: gradient_tolerance", gradient_tolerance, least=0),
        "ftol": real_number("lbfgs: loss_tolerance", loss_tolerance, least=0),
    }
    known = distinct("lbfgs", params)
    left = set(frozen_names("lbfgs: frozen", frozen, known))
    arrays = {name: p for name, p in known.items() if name not in left}
    if not arrays:
        raise ValueError(f"lbfgs: frozen={frozen!r} leaves no parameter to update; freeze fewer")
    check_writable("lbfgs", arrays)
    search = Search(closure, arrays, left)
    converged, message = _minimised(search, options)
    return LBFGSResult(search.loss, search.iterations, search.evaluations, converged, message)


def _minimised(search: Search, options: _Options) -> tuple[bool, str]:
    """(True if it converged, why it ended); the best point is left in the parameters."""
    try:
        from scipy import optimize  # takes a third of a second to import

        found = optimize.minimize(
            search.evaluate,
            search.best,
            method="L-BFGS-B",
            jac=True,
            callback=search.count,
            options={
                "maxiter": options["maxiter"],
                "maxcor": options["maxcor"],
                "maxfun": options["maxfun"],
                "gtol": options["gtol"],
                "ftol": options["ftol"],
            },
        )
        return bool(found.success), str(found.message)
    except LossNotFiniteError as stop:
        if not math.isfinite(search.loss):
            raise FloatingPointError(
                f"lbfgs: {stop}, the starting point; start from other parameters"
            ) from None
        return False, str(stop)
    finally:
        search.assign(search.best)

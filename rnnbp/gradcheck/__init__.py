"""Internal: gradients checked against numerical derivatives.

The complex step, Im f(x + ih)/h with h = 1e-30 (Squire & Trapp 1998), has no cancellation and so is
exact to rounding, for a function that is analytic where it is evaluated: one that branches on real
parts only. Elsewhere central differences serve, to some 1e-7.
"""

from rnnbp.gradcheck.check import check_grads
from rnnbp.gradcheck.result import GradientCheck, GradientError

__all__ = ["GradientCheck", "GradientError", "check_grads"]

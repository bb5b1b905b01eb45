"""Internal: models run one step at a time.

- ``stepper``: the public class; ``arguments``, ``step_inputs`` and ``rows``: what it is passed.
- ``core``: a model bound to arrays that stay where they are, for steps of one number at a time.
- ``operations``: what a core does in a step, in machine code or (``by_python``) by Python.
- ``stepped``: which models can be stepped, and the graph that is.
"""

from rnnbp.stepping.stepper import Stepper

__all__ = ["Stepper"]

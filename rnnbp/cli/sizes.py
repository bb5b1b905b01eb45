"""The options that describe recurrent layers, which several commands have."""

from __future__ import annotations

from argparse import _ArgumentGroup

from rnnbp.cli.architecture import CELLS, MOST_LAYERS, MOST_UNITS, Architecture
from rnnbp.cli.options import whole


def add_sizes(group: _ArgumentGroup) -> None:
    """The options ``--cell``, ``--layers``, ``--units`` and ``--embedding``."""
    default = Architecture()
    group.add_argument(
        "--cell",
        choices=CELLS,
        default=default.cell,
        metavar="CELL",
        help="the recurrent cell: %(choices)s",
    )
    for name, value, most, text in (
        ("layers", default.layers, MOST_LAYERS + 1, "recurrent layers"),
        ("units", default.units, MOST_UNITS, "units of each of them"),
        ("embedding", default.embedding, MOST_UNITS, "size of the vector of a byte"),
    ):
        group.add_argument(f"--{name}", type=whole(1, most), default=value, metavar="N", help=text)

"""The options that say what is rounded: operands of products, and tapes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _ArgumentGroup

from rnnbp.cli.errors import CommandError
from rnnbp.cli.options import whole
from rnnbp.runners.backend import Backend
from rnnbp.runners.rounding import PRECISIONS, SHORT, Precision


def add_rounding(to: ArgumentParser | _ArgumentGroup) -> None:
    """Both options."""
    to.add_argument(
        "--precision",
        choices=PRECISIONS,
        metavar="HOW",
        help="float32, or bfloat16, which rounds what products multiply, and is faster where the "
        "processor has instructions for it; by default what RNNBP_PRECISION says, or float32",
    )
    to.add_argument(
        "--tape-bits",
        type=whole(1),
        choices=(SHORT,),
        metavar="N",
        help=f"{SHORT}: what the way back needs is kept in {SHORT} bits, half of the bytes or a "
        "little more, and gradients are not exact; by default what RNNBP_TAPE_BITS says, or those "
        "of float32",
    )


def rounding_backend(precision: Precision | None, tape_bits: int | None) -> Backend:
    """The backend with what the options say. Raises CommandError for one that is not to be had."""
    try:
        return Backend(precision=precision, tape_bits=tape_bits)
    except (ValueError, ImportError) as error:
        raise CommandError(str(error)) from None


def named_backend(options: Namespace) -> Backend | None:
    """That of the options; None if neither was passed."""
    if options.precision is None and options.tape_bits is None:
        return None
    return rounding_backend(options.precision, options.tape_bits)

"""Initializers of other libraries: what they are here."""

from __future__ import annotations

OURS = {
    "glorot": "xavier xavier_uniform xavier_uniform_ Xavier XavierUniform glorot_uniform GlorotUniform",
    "he": "kaiming kaiming_normal kaiming_normal_ kaiming_uniform Kaiming he_normal he_uniform HeNormal",
    "uniform": "lecun lecun_uniform uniform_ RandomUniform",
    "orthogonal": "orthogonal_ ortho Orthogonal",
    "zeros": "zeros_ Zeros",
    "ones": "ones_ Ones",
    "constant": "constant_ Constant",
}
"""By name here, the names elsewhere."""
WORDS = {"uniform": "default random", "zeros": "zero", "ones": "one"}
"""The same of words that are no names of functions."""


def ours(name: str) -> str:
    """The initializer here that another library calls ``name``, in small letters or not, or ""."""
    found = name.casefold()
    tables = [*OURS.items(), *WORDS.items()]
    return next((own for own, names in tables if found in names.casefold().split()), "")

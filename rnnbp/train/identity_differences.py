"""What differs between the identity of a run and that of a snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rnnbp.numerics import shown
from rnnbp.storage import JSON
from rnnbp.support.nearest import hint
from rnnbp.train.described_values import UNKNOWN
from rnnbp.train.identity import Identity
from rnnbp.wording.synonyms import synonym

EVERYTHING, DATA = "everything", "data"
"""Names to override apart from the parts: all of them; the data, which ``fit`` compares."""
LATER: dict[str, JSON] = {"accumulate": {"accumulate": 1}, "monitor": {"monitor": "val_loss"}}
"""Parts that snapshots of earlier versions do not have, as those were."""


def check_override(override: Collection[str], now: Identity) -> None:
    """Raise ValueError unless these are names of parts."""
    names = (*now, DATA, EVERYTHING)
    if isinstance(override, str):
        raise ValueError(
            f"override is a tuple of names, found {override!r}; give override={(override,)}"
        )
    for name in override:
        if name not in names:
            other = synonym(name, names) if isinstance(name, str) else ""
            meant = f", did you mean {other!r}?" if other else hint(name, names)
            raise ValueError(
                f"override: no such name: {shown(name)}{meant or ';'} they are "
                f"{', '.join(map(repr, names))}"
            )


def differences(
    now: Identity, then: Mapping[str, JSON], override: Collection[str] = ()
) -> dict[str, list[str]]:
    """What differs or cannot be compared, line by line, by part; without those in ``override``.

    Raises ValueError for a name that is not a part.
    """
    check_override(override, now)
    if EVERYTHING in override:
        return {}
    if "libraries" not in then:
        return {
            EVERYTHING: [
                "its snapshot is of an earlier version, which did not hold all that decides its "
                "numbers"
            ]
        }
    found: dict[str, list[str]] = {}
    for part, lines in now.items():
        other = then.get(part, LATER.get(part))
        if part not in override and (
            differing := _compared(lines, other if isinstance(other, dict) else {})
        ):
            found[part] = differing
    return found


def _compared(now: Mapping[str, JSON], then: Mapping[str, JSON]) -> list[str]:
    """The lines that both have first; then those of one, unless a line above them differs."""
    both = [name for name in now if name in then]
    changed = [name for name in both if then[name] != now[name]]
    found = [f"{name} was {then[name]!r}, is {now[name]!r}" for name in changed]
    found += [
        f"{name} {now[name]}" for name in both if _is_unknown(now[name]) and then[name] == now[name]
    ]
    single = [name for name in (*now, *then) if (name in now) != (name in then)]
    above = [*changed, *single]
    tops = [
        name
        for name in single
        if not any(name != top and name.startswith(f"{top} ") for top in above)
    ]
    return found + [f"{name} was {then.get(name)!r}, is {now.get(name)!r}" for name in tops]


def _is_unknown(line: JSON) -> bool:
    return isinstance(line, str) and line.startswith(UNKNOWN)

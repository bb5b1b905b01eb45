"""What differs between the identity of a run and that of a snapshot."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from rnnbp.numerics import shown
from rnnbp.storage import JSON
from rnnbp.support.nearest import hint, meant
from rnnbp.train.described_values import UNKNOWN
from rnnbp.train.identity import Identity
from rnnbp.wording.synonyms import synonym

EVERYTHING, DATA = "everything", "data"
"""Names to override apart from the parts: all of them; the data, which ``fit`` compares."""
LATER: dict[str, JSON] = {
    "accumulate": {"accumulate": 1},
    "monitor": {"monitor": "val_loss"},
    "parallel": {"parallel": None},
}
"""Parts that snapshots of earlier versions do not have, as those were."""

_KIND = "optimizer"
_RATE = "learning_rate"
_OWN = "the optimizer's own learning_rate"
_LR = re.compile(r"\blr\b")
_OWN_RATE = re.compile(r"(?!learning_rate )\S+ lr\b(.*)")
"""Lines of an optimiser's own rate, as files have them."""


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
            near = meant(repr(other)) if other else hint(name, names)
            raise ValueError(
                f"override: no such name: {shown(name)}{near}; they are "
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
    return found if _KIND not in found else _of_other_optimizer(found)


def _of_other_optimizer(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without the options of two rules, which have nothing in common."""
    rules = [line for line in found[_KIND] if line.startswith(f"{_KIND} was ")]
    return found | {_KIND: rules} if rules else found


def _compared(now: Mapping[str, JSON], then: Mapping[str, JSON]) -> list[str]:
    """The lines that both have first; then those of one, unless a line above them differs."""
    if then == now or "learning_rate" not in now:
        return _of_lines(now, then)
    rate, before = _of_rate(now), _of_rate(then)
    if rate.get("learning_rate") != before.get("learning_rate"):
        rate, before = _without_own(rate), _without_own(before)
    return _of_lines(rate, before) or _of_lines(now, then)


def _without_own(lines: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: line for name, line in lines.items() if not name.startswith(_OWN)}


def _of_rate(lines: Mapping[str, JSON]) -> dict[str, JSON]:
    """A learning rate under the one name that users give it, whichever object has it."""
    found: dict[str, JSON] = {}
    rule = lines.get("learning_rate")
    for name, line in lines.items():
        text = line.replace("(lr=", "(learning_rate=") if isinstance(line, str) else line
        if (own := _OWN_RATE.match(name)) is None:
            found[_LR.sub("learning_rate", name)] = text
        elif rule is None:
            found[f"learning_rate{own[1]}"] = text
        else:
            found[f"{_OWN}{own[1]}"] = text
    return found


def _of_lines(now: Mapping[str, JSON], then: Mapping[str, JSON]) -> list[str]:
    both = [name for name in now if name in then]
    changed = [name for name in both if then[name] != now[name]]
    told = _told_once(changed, now, then)
    found = [f"{name} was {then[name]!r}, is {now[name]!r}" for name in told]
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


def _told_once(changed: list[str], now: Mapping[str, JSON], then: Mapping[str, JSON]) -> list[str]:
    """The changed lines, without the attributes of an object whose own line shows how they differ.

    Where its line does not, as it may leave out the values of an array, the attributes stay alone;
    so do those of a schedule, whose fields are all public.
    """
    left_out: set[str] = set()
    for top in changed:
        below = [name for name in changed if name.startswith(f"{top} ")]
        lines = [str(each[top]) for each in (then, now)]
        all_in = all(str(then[name]) in lines[0] or str(now[name]) in lines[1] for name in below)
        same_kind = lines[0].partition("(")[0] == lines[1].partition("(")[0]
        shown = not same_kind or (all_in and not (below and top == _RATE))
        left_out.update(below if shown else [top])
    return [name for name in changed if name not in left_out]


def _is_unknown(line: JSON) -> bool:
    return isinstance(line, str) and line.startswith(UNKNOWN)

"""The data of a run, as far as they can be distinguished: by a fingerprint, or by some batches."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from rnnbp.checks.kinds import is_stream
from rnnbp.inputs.passed import parts_of as inputs_of
from rnnbp.storage import JSON
from rnnbp.support.callers import outside
from rnnbp.train.caller import Caller
from rnnbp.train.digests import add_to
from rnnbp.train.rows import rows
from rnnbp.train.source import Batch, Source, check_batch, comes_once, fingerprint
from rnnbp.train.source_parts import differing, parts_of
from rnnbp.train.sources import Wrapped

SEEN = 8
"""Batches of a source without a fingerprint that are remembered: of the updates 1, 2, 4, …, 128."""
KEY = re.compile(r"(?a:(?:data \d{1,18}|validation) \d{1,18})")
"""How a batch is called: "data EPOCH INDEX", or "validation INDEX"."""
ONCE = "not compared: it comes once"
"""In the place of a digest: of batches of streams, and of a source that is an iterator."""


@dataclass
class RunData:
    """The data that a run has been trained on.

    Attributes:
        known: the fingerprint of its source; None before the run has any.
        batches: by place, digests of batches of sources without a fingerprint, or ``ONCE``.
        wanted: True if there will be snapshots that hold them.
        parts: the parts of a source of ours, to say what differs.
    """

    known: str | None = None
    batches: dict[str, str] = field(default_factory=dict)
    wanted: bool = True
    parts: dict[str, str] = field(default_factory=dict)
    resumed: bool = False
    """True if ``known`` is a snapshot's, and no data have been compared with it yet."""
    _unchecked: bool = False
    wrapped: Wrapped = field(default_factory=Wrapped, repr=False, compare=False)
    """The source that the last call of ``fit`` took its batches from."""

    @classmethod
    def stored(
        cls,
        known: str,
        batches: Mapping[str, str],
        parts: Mapping[str, str],
        override: frozenset[str],
    ) -> RunData:
        """The data of a snapshot; what is named in ``override`` is not compared."""
        if "everything" in override:
            return cls()
        kept = {k: v for k, v in batches.items() if k.split()[0] not in override}
        if "data" in override:
            return cls(None, kept, _unchecked=bool(kept))
        return cls(known, kept, parts={**parts}, resumed=True, _unchecked=bool(kept))

    def begin(self, data: Source, caller: Caller, *, midway: bool) -> None:
        """Raise ValueError for a source whose fingerprint is not that of the run.

        A run that writes no snapshots may continue with other data, unless it is ``midway`` in an
        epoch.
        """
        found = fingerprint(data)
        if self.known not in (None, found) and (self.wanted or self.resumed or midway):
            what = self.differs(data)
            cure = (
                caller.override(("data",))
                if self.wanted or self.resumed
                else "finish the epoch that it stands in first"
            )
            raise ValueError(
                f"{caller.name}: the run began on other data: {what}; give it the same, or {cure}"
            )
        self.known, self.resumed = found, False
        if self.wanted and not self.parts:
            self.parts = parts_of(data)

    def differs(self, data: Source) -> str:
        """What of a source differs from the run's by their fingerprints; "" for nothing."""
        found = fingerprint(data)
        if self.known in (None, found):
            return ""
        return differing(self.parts, parts_of(data)) or f"{self.known}, not {found}"

    def compare(self, data: Source, validation: Source | None, caller: Caller) -> None:
        """Compare the recorded batches with those of the sources of a resumed run, once.

        Raises ValueError if they differ, and what a source raises. Warns of a source that cannot be
        compared.
        """
        if self._unchecked:
            self._compare("data", data, caller)
            self._compare("validation", validation, caller)
            self._unchecked = False

    def see(self, data: Source, step: int, epoch: int, index: int, batch: Batch) -> None:
        """Record the batch of update number ``step``, if it is one of those that are compared."""
        if not self.wanted or (step & (step + 1) and self._any("data")):
            return
        if not _has_own(data) and sum(name.startswith("data") for name in self.batches) < SEEN:
            self.batches[f"data {epoch} {index}"] = _digest(data, batch)

    def see_validation(self, source: Source, index: int, batch: Batch) -> None:
        """Record the first batch of the validation source."""
        if self.wanted and not index and not self._any("validation") and not _has_own(source):
            self.batches[f"validation {index}"] = _digest(source, batch)

    def to_json(self) -> dict[str, JSON]:
        """Metadata of a snapshot."""
        more: dict[str, JSON] = {"batches": {**self.batches}} if self.batches else {}
        return {"data": self.known, **more, **({"parts": {**self.parts}} if self.parts else {})}

    def _any(self, source: str) -> bool:
        return any(name.startswith(source) for name in self.batches)

    def _compare(self, kind: str, source: Source | None, caller: Caller) -> None:
        """Request the recorded batches from a source again."""
        known = {name: then for name, then in self.batches.items() if name.startswith(kind)}
        if source is None or _has_own(source) or not known:
            return
        if ONCE in known.values():
            _warn(kind, "comes once")
            return
        if not all(_is_same(caller, kind, source, *place) for place in known.items()):
            _warn(kind, "returns a different batch for the same place each time")


def _is_same(caller: Caller, kind: str, source: Source, name: str, then: str) -> bool:
    """True if a batch is as it was; False if the source itself cannot say.

    Raises ValueError for another one.
    """
    epoch, index = [0, *map(int, name.split()[1:])][-2:]
    now = _asked(source, epoch, index)
    if now == then:
        return True
    if _asked(source, epoch, index) != now:
        return False
    data = "data" if kind == "data" else "validation data"
    raise ValueError(
        f"{caller.name}: the run began on other {data}: batch {index} of epoch {epoch} differs; "
        f"give it the same, or {caller.override((kind,))}"
    )


def _asked(source: Source, epoch: int, index: int) -> str:
    """The digest of a batch as a source returns it now."""
    try:
        batch = source.batch(epoch, index)
        check_batch(batch)
        return _digest(source, batch)
    except Exception as error:  # whatever a source raises
        error.add_note(
            f"in batch {index} of epoch {epoch}, which was to be compared with that of before"
        )
        raise


def _digest(source: Source, batch: Batch) -> str:
    """A digest of a batch; ``ONCE`` if it cannot be requested again."""
    parts = [part for given in (batch.x, batch.target, batch.mask) for part in inputs_of(given)]
    if comes_once(source) or any(map(is_stream, parts)):
        return ONCE
    found = hashlib.sha256(str(bool(batch.fresh)).encode())
    if isinstance(batch, Batch):
        more = [*inputs_of(batch.lengths), batch.reset]
        parts += [part for part in more if part is not None]
    for part in parts:
        add_to(found, None if part is None else rows("a part of a batch", part))
    return found.hexdigest()


def _has_own(source: Source) -> bool:
    return getattr(source, "fingerprint", None) is not None


def _warn(kind: str, why: str) -> None:
    source = "the source of" if kind == "data" else "the validation source of"
    warnings.warn(
        f"{source} the resumed run {why}, so that its data cannot be compared with those that the "
        f"run began on, and its bits may differ; give it a fingerprint, a str that tells its data",
        RuntimeWarning,
        stacklevel=outside(),
    )

"""What ``rnnbp train`` refuses of shards and processes, each in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rnnbp.cli.errors import CommandError
from rnnbp.cli.settings import Settings


def check_shards(settings: Settings, processes: int) -> None:
    """Raise CommandError for shards that the batch or the processes do not suit."""
    shards = settings.shards
    if shards is None and processes > 1:
        raise CommandError(
            f"mpiexec has started {processes} processes, and training is one piece of work; give "
            f"--shards {max(processes, min(8, settings.batch))}, or another "
            "number of parts to cut each batch into, or start one process (a run that was begun "
            "without shards goes on in one)"
        )
    if shards is not None and shards > settings.batch:
        raise CommandError(
            f"--shards {shards} cuts a batch of {settings.batch} rows into more parts than it has; "
            f"give at most {settings.batch}, or a larger --batch"
        )
    if shards is not None and processes > shards:
        raise CommandError(
            f"{processes} processes cannot share the {shards} parts of --shards {shards}; start at "
            f"most {shards}, or train anew with more shards"
        )


@contextlib.contextmanager
def lost_in_one_line() -> Iterator[None]:
    """Turn the loss of another process into a CommandError."""
    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        if error.errno is not None:  # of the system, as a closed pipe
            raise
        raise CommandError(str(error)) from None

"""What all tests start from."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import lru_cache

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Where there is no compiler, all tests run by NumPy; the warning that says so is no failure."""
    config.addinivalue_line("filterwarnings", "ignore:NumPy runs the cells, which is slower:RuntimeWarning")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_as_in_a_terminal() -> Iterator[None]:
    """A shell starts a job in the background with SIGINT ignored, which children would inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def machine_code_of_these_tests_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kernels are kept in a folder that goes with the tests, and found there by the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNBP_KERNEL_CACHE", str(tmp_path_factory.mktemp("kernels")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture(scope="session", autouse=True)
def as_if_there_were_many_processors() -> Iterator[None]:
    """Results with several threads are tested on small machines too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnbp.native.processors.present", lru_cache(lambda: 8))
        yield

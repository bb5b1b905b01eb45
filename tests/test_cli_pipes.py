"""The command line in a shell: readers that go away, full and closed outputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnnbp.cli import folders
from tests.commands import ENVIRONMENT, run, train

pytestmark = pytest.mark.usefixtures("in_a_folder_with_words")
LONG_PLAN = pytest.param("plan --units 8 --embedding 4", marks=pytest.mark.long)


@pytest.mark.long
def test_a_reader_that_has_had_enough() -> None:
    assert train("m", "--steps", 1) == 0
    reader, writer = os.pipe()
    os.close(reader)
    asked = [sys.executable, "-m", "rnnbp.cli.main", "sample", "m", "--length", "3"]
    found = subprocess.run(asked, stdout=writer, stderr=subprocess.PIPE, env=ENVIRONMENT)
    os.close(writer)
    assert (found.returncode, found.stderr) == (0, b"")


def test_runs_are_kept_out_of_version_control() -> None:
    assert (
        f"{folders.RUNS}/" in (Path(__file__).parent.parent / ".gitignore").read_text().splitlines()
    )


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line of a shell in a folder."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


RNNBP = f"{sys.executable} -m rnnbp.cli.main"

SMALL = "--units 8 --embedding 4 --horizon 8 --batch 4 --quiet"


@pytest.fixture(scope="module")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shell")
    (folder / "t.txt").write_text(
        "the quick brown fox jumps over the lazy dog. " * 60, encoding="utf-8"
    )
    return folder


@pytest.mark.long
def test_a_reader_that_goes_away_does_not_pass_for_a_finished_run(small_text: Path) -> None:
    line = (
        f"{RNNBP} train --text t.txt {SMALL} --steps 4 --out gone | true; echo ${{PIPESTATUS[0]}}"
    )
    done = shell(line, small_text)
    assert done.stdout.strip() == "1"
    assert done.stderr.count("\n") == 1
    assert "the output is closed" in done.stderr
    again = shell(f"{RNNBP} train --resume gone", small_text)
    assert again.returncode == 0, again.stderr
    assert (small_text / "gone" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "closed",
    [pytest.param(what, marks=pytest.mark.long) for what in (">&-", "> /dev/full", ">&- 2>&-")],
)
def test_a_closed_or_full_output_gives_no_traceback(closed: str, small_text: Path) -> None:
    folder = "closed" + str(len(closed))
    done = shell(
        f"{RNNBP} train --text t.txt {SMALL} --steps 4 --out {folder} {closed}", small_text
    )
    assert "Traceback" not in done.stderr
    assert (small_text / folder / "model.safetensors").exists()
    assert done.returncode == (1 if "full" in closed else 0)


@pytest.mark.parametrize("options", ["--help", LONG_PLAN])
def test_a_reader_that_goes_away_is_no_error_where_nothing_but_text_is_made(
    options: str, small_text: Path
) -> None:
    done = shell(f"{RNNBP} {options} | true; echo ${{PIPESTATUS[0]}}", small_text)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("options", ["--version", LONG_PLAN])
def test_a_full_output_is_an_error_of_every_command(options: str, small_text: Path) -> None:
    done = shell(f"{RNNBP} {options} > /dev/full", small_text)
    assert done.returncode == 1
    assert done.stderr == "rnnbp: output cannot be used: No space left on device\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("train --text " + "x" * 5000, "cannot be used: File name too long"),
        ("train --minutes 1e308", "must be above 0 and below 1e+06"),
        ("train --units 9223372036854775807", "must be at least 1 and below"),
        ("sample " + "x" * 5000, "cannot be used: File name too long"),
    ],
)
def test_odd_arguments_give_one_line(
    line: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*line.split()) in (1, 2)
    found = capsys.readouterr().err
    assert "Traceback" not in found
    assert says in found

"""Texts with any ends of lines and encoding are sampled as they are, in whole characters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbp.cli.architecture import Architecture
from rnnbp.cli.encodings import decoded, known
from rnnbp.cli.errors import CommandError
from rnnbp.cli.main import main
from rnnbp.cli.sampler import Sampler, utf8_next
from rnnbp.cli.text import load_text, printable
from rnnbp.storage import load_tensors

RUSSIAN = "быть или не быть, вот в чём вопрос\n"


class Script(Sampler):
    """Draws the bytes of a script, over and over, whatever the model says."""

    def __init__(self, script: bytes) -> None:
        super().__init__(Architecture(units=2, embedding=2).build())
        object.__setattr__(self, "script", list(script))

    def _draw(self, logits: np.ndarray, rng: np.random.Generator) -> int:
        if np.isinf(logits).any():  # drawn anew
            return int(np.flatnonzero(np.isfinite(logits))[-1])
        self.script.append(self.script.pop(0))  # type: ignore[attr-defined]
        return int(self.script[-1])  # type: ignore[attr-defined]


SCRIPTS = [RUSSIAN, "naïve café, 100 €\r\n", "汉字和标点。", "🙂👍🏽 emoji\n", "plain"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("length", [1, 2, 3, 8, 37])
@pytest.mark.parametrize("text", SCRIPTS)
def test_a_sample_has_as_many_whole_characters_as_it_says(text: str, length: int) -> None:
    expected = (text * (length // len(text) + 1))[:length]
    assert Script(text.encode()).text("Да ".encode(), length) == "Да " + expected
    assert Script(text.encode()).text(b"", length) == expected


@pytest.mark.parametrize("length", range(1, 8))
def test_bytes_that_cannot_stand_in_utf8_are_drawn_anew(length: int) -> None:
    written = b"a\xd0b\xff\xe2\x82c\xd0\xd1\x8b\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf"
    found = Script(written).text(b"", length)
    assert len(found) == length
    assert "�" not in found
    assert "�" not in Script("ы".encode()[1:] + RUSSIAN.encode()).text("ы".encode()[:1], 9)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0}, {"top_k": 1}, {"temperature": 2.0, "top_k": 40}]
)
@pytest.mark.parametrize("seed", range(3))
def test_an_untrained_model_writes_characters(seed: int, options: dict[str, Any]) -> None:
    model = Architecture(units=2, embedding=2).build(seed)
    found = Sampler(model, seed=seed, **options).text(b"", 100)
    assert len(found) == 100
    assert "�" not in found


RESTS = [b"", b"\x80", b"\x80\x80", b"\x80\x80\x80", b"\xa0\x80", b"\x90\x80\x80"]
"""One of them ends any character that can be ended."""
BEGUN = [
    b"",
    b"\xc3",
    b"\xe0",
    b"\xe1",
    b"\xed",
    b"\xef",
    b"\xf0",
    b"\xf3",
    b"\xf4",
    b"\xe0\xa0",
    b"\xed\x9f",
    b"\xf0\x90",
    b"\xf4\x8f\x80",
]


@pytest.mark.parametrize("begun", BEGUN)
def test_what_may_follow_is_what_python_decodes(begun: bytes) -> None:
    whole = [
        byte for byte in range(256) if any(decodes(begun + bytes([byte]) + rest) for rest in RESTS)
    ]
    assert np.flatnonzero(utf8_next(begun)).tolist() == whole


def decodes(data: bytes) -> bool:
    try:
        return len(data.decode()) == 1
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines_are_kept_and_shown_as_lines(end: str, tmp_path: Path) -> None:
    lines = end.join(["to be", "or not", "to be"])
    path = tmp_path / "text.txt"
    path.write_bytes(lines.encode())
    text = load_text(path)
    assert bytes(text.split().train.data) + bytes(text.split().held_out.data) == lines.encode()
    assert Script(lines.encode()).text(b"", len(lines)) == lines
    assert printable(lines) == "to be\nor not\nto be"


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]
BIG = {"utf-16-be": b"\xfe\xff", "utf-32-be": b"\0\0\xfe\xff", "utf-16-le": b"\xff\xfe"}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", SCRIPTS)
def test_a_byte_order_mark_tells_the_encoding(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding), "here") == text


@pytest.mark.parametrize("encoding", BIG)
def test_marks_of_both_orders(encoding: str) -> None:
    assert decoded(BIG[encoding] + RUSSIAN.encode(encoding), "here") == RUSSIAN


BAD = {
    "latin-1": (
        "naïve".encode("latin-1"),
        r"is not UTF-8: byte 2 is 0xef; convert it, as with iconv -t utf-8, or .* --encoding "
        r"cp1252$",
    ),
    "cut short": (RUSSIAN.encode()[:-2], "is not UTF-8: byte 58 is 0xd1"),
    "UTF-16 without a mark": (
        "some text".encode("utf-16-le"),
        "seems to be utf-16le .* iconv -f utf-16le -t utf-8, or give --encoding utf-16-le$",
    ),
    "UTF-16 of the other order": ("some text".encode("utf-16-be"), "seems to be utf-16be"),
    "UTF-32 without a mark": ("some text".encode("utf-32-le"), "seems to be utf-32le"),
    "half a number": (b"\xff\xfea\0b", "is not UTF-16-LE: byte 4 is 0x62; write the file anew"),
    "a file of zeros": (bytes(100), "is not UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_other_encodings_are_named(case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(CommandError, match=message):
        decoded(data, "here")


@pytest.mark.long
def test_a_text_with_carriage_returns_is_trained_on_and_sampled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = tmp_path / "win.txt", tmp_path / "run"
    text.write_bytes(b"to be or not to be\r\n" * 100)
    small = ["--units", "8", "--embedding", "4", "--batch", "2", "--horizon", "16", "--steps", "12"]
    assert main(["train", "--text", str(text), *small, "--out", str(out)]) == 0
    assert "\r" not in capsys.readouterr().out
    assert main(["sample", str(out), "--length", "40", "--prompt", "x"]) == 0
    assert len(capsys.readouterr().out) == len("x") + 40 + len("\n")


NAMED = {
    "latin-1": "naïve café\r\n",
    "cp1252": "“naïve” – 100 €\r",
    "koi8-r": RUSSIAN,
    "cp437": "╔═ naïve ═╗",
    "mac-roman": "naïve • café\r",
    "shift_jis": "漢字とかな。\n",
    "gb18030": "汉字和标点。🙂",
    "utf-16-le": "汉字🙂",
    "utf-16-be": RUSSIAN,
    "utf-8": RUSSIAN,
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("encoding", NAMED)
@pytest.mark.parametrize("spelling", [str.upper, str.lower, lambda name: name.replace("-", "_")])
def test_an_encoding_can_be_named(encoding: str, spelling: Callable[[str], str]) -> None:
    text = NAMED[encoding] * 10
    assert decoded(text.encode(encoding), "here", spelling(encoding)) == text


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-8-sig", "gb18030"]
)
def test_a_mark_before_a_text_of_a_named_encoding_is_none_of_its_characters(encoding: str) -> None:
    assert decoded(f"\ufeff{RUSSIAN}".encode(encoding), "here", encoding) == RUSSIAN


WRONG = {
    "byte": (
        "déjà".encode("latin-1"),
        "ascii",
        "is not ascii: byte 1 is 0xe9; name the encoding that it has",
    ),
    "no such byte": (b"a\x81b", "cp1252", "byte 1 is 0x81"),
    "half a unit": (b"a\0b", "utf-16-le", "byte 2 is 0x62"),
    "half a character": (b"\x82", "shift_jis", "byte 0 is 0x82"),
    "half a pair of surrogates": (b"x+2AA-", "utf-7", "is not utf-7: .*surrogates not allowed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bytes_that_are_not_of_the_named_encoding(case: str) -> None:
    data, encoding, message = WRONG[case]
    with pytest.raises(CommandError, match=message):
        decoded(data, "here", encoding)


@pytest.mark.parametrize("name", ["klingon", "", "base64", "rot13", "a\0b", "utf-9", "ut f8\n"])
def test_no_encoding_of_texts(name: str) -> None:
    with pytest.raises(ValueError, match="must be an encoding of texts, as latin-1 or cp1252"):
        known(name)


@pytest.mark.long
def test_a_text_in_latin_1_is_trained_on_resumed_and_sampled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model is that of the same text in UTF-8, to the bit."""
    text, moved = tmp_path / "latin.txt", tmp_path / "utf8.txt"
    text.write_bytes("déjà vu, à côté\n".encode("latin-1") * 100)
    moved.write_bytes("déjà vu, à côté\n".encode() * 100)
    small = ["--quiet", "--units", "8", "--embedding", "4", "--batch", "2", "--horizon", "16"]
    runs = {name: str(tmp_path / name) for name in ("latin", "utf8")}
    train = ["train", *small, "--steps", "6"]
    assert main([*train, "--text", str(text), "--encoding", "latin-1", "--out", runs["latin"]]) == 0
    assert main([*train, "--text", str(moved), "--out", runs["utf8"]]) == 0
    a, b = (load_tensors(Path(run, "model.safetensors"))[0] for run in runs.values())
    for name, p in a.items():
        np.testing.assert_array_equal(p, b[name])
    longer = ["--quiet", "--override", "learning_rate", "--steps", "8"]
    assert main(["train", "--resume", runs["latin"], *longer]) == 0  # as run.json says
    text.unlink()
    there = ["--text", str(moved), "--encoding", "utf-8"]
    assert main(["train", "--resume", runs["latin"], *longer[:-1], "9", *there]) == 0
    assert capsys.readouterr().err == ""
    assert main(["sample", runs["latin"], "--length", "40", "--prompt", "à"]) == 0
    assert len(capsys.readouterr().out) == len("à") + 40 + len("\n")

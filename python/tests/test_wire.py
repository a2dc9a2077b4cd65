from __future__ import annotations

import base64
import json
from typing import Any, List, Tuple

import pytest

from conftest import ROOT
from zebu import wire


def golden() -> List[Tuple[str, str, str, str]]:
    lines = (ROOT / "tests" / "golden" / "protocol.txt").read_text().splitlines()
    return [tuple((line.split(" ", 3) + [""])[:4]) for line in lines if line and line[0] != "#"]  # type: ignore[misc]


def as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bin": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    return value


@pytest.mark.parametrize("section, name, text, shown", [line for line in golden() if line[0] != "bad"])
def test_a_golden_frame_is_read_as_the_file_shows_it(section: str, name: str, text: str, shown: str) -> None:
    message = wire.read(bytes.fromhex(text))
    assert wire.name_of(message) == name
    assert as_json(message) == json.loads(shown)
    if section == "frame":
        assert wire.pack(message).hex() == text


@pytest.mark.parametrize("line", [line for line in golden() if line[0] == "bad"])
def test_a_bad_frame_is_refused(line: Any) -> None:
    data = b"" if line[2] == "-" else bytes.fromhex(line[2])
    try:
        message = wire.read(data)
    except wire.Malformed as error:
        assert str(error)
    else:
        assert not wire.is_known(message)  # of a later version: passed over


def test_there_are_golden_frames_of_every_message() -> None:
    assert {line[1] for line in golden() if line[0] == "frame"} == {name for name, _ in wire.SHAPES.values()}


def test_random_bytes_are_refused_and_harm_nothing() -> None:
    import random
    source = random.Random(1)
    frames = [bytes.fromhex(line[2]) for line in golden() if line[0] == "frame"]
    for _ in range(5_000):
        frame = bytearray(source.choice(frames))
        for _ in range(source.randint(1, 3)):
            frame[source.randrange(len(frame))] = source.randrange(256)
        try:
            wire.read(bytes(frame))
        except wire.Malformed:
            pass


def test_ids_ascend_and_are_version_7_with_no_shard() -> None:
    ids = [wire.new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    for id in ids:
        assert id[6] >> 4 == 7 and id[8] >> 6 == 2 and int.from_bytes(id, "big") % 1024 == 0
    assert wire.id_bytes(wire.id_text(ids[0])) == ids[0]
    for text in ("", "x" * 36, wire.id_text(ids[0])[:-1], ids[0].hex()):
        with pytest.raises(ValueError, match="is not the id of a job"):
            wire.id_bytes(text)


def test_text_is_cut_between_characters_and_has_no_surrogates() -> None:
    assert wire.cut_text("äöü", 3) == "ä"
    assert wire.cut_text("a\ud800b", 10) == "a\ufffdb"

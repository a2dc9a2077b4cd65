from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import uuid
from typing import Any, Dict, List, Optional, Tuple, Union

import pytest

from zebu import CannotTravel, Serializer, values


def travel(value: Any) -> Any:
    return values.decode(values.encode(value))


@pytest.mark.parametrize("value", [
    None, True, 0, -1, 2**63, 2**64 - 1, -(2**63), 1.0, -0.0, math.inf, "", "äöü\n", b"\xff", [], [1, [2, "x"]], {},
    {"a": {"b": [1.5, None]}, 7: "int keys too"}, datetime.datetime(1969, 1, 1, tzinfo=datetime.timezone.utc),
    [datetime.datetime(2030, 1, 1, 12, 0, 0, 999_999, tzinfo=datetime.timezone.utc)],
])
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    result = travel(value)
    assert result == value and type(result) is type(value)
    if value == 0 and isinstance(value, float):
        assert math.copysign(1, result) == math.copysign(1, value)


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Inner:
    id: uuid.UUID


@dataclasses.dataclass
class Outer:
    inner: Inner
    prices: List[decimal.Decimal]
    when: Optional[datetime.date] = None


ID = uuid.UUID(int=5)


@pytest.mark.parametrize("value, annotation", [
    (ID, uuid.UUID),
    (decimal.Decimal("1.10"), decimal.Decimal),
    (decimal.Decimal("1.10"), Optional[decimal.Decimal]),
    (None, Optional[decimal.Decimal]),
    (datetime.date(2026, 1, 2), datetime.date),
    (datetime.time(1, 2, 3), datetime.time),
    (datetime.timedelta(seconds=1.5), datetime.timedelta),
    (Colour.RED, Colour),
    ((1, "a"), Tuple[int, str]),
    ((ID, ID), Tuple[uuid.UUID, ...]),
    ({"k": ID}, Dict[str, uuid.UUID]),
    (Outer(Inner(ID), [decimal.Decimal("0.1")], datetime.date(2026, 1, 2)), Outer),
    ([Outer(Inner(ID), [])], List[Outer]),
    (5, Union[int, uuid.UUID]),
])
def test_a_type_that_msgpack_does_not_have_comes_back_by_its_annotation(value: Any, annotation: Any) -> None:
    convert = values.converter(annotation)
    plain = travel(value)
    assert (convert(plain) if convert else plain) == value


def test_plain_annotations_cost_no_conversion() -> None:
    for annotation in (int, str, List[int], Dict[str, int], Optional[int], Any, "later", List[Any]):
        assert values.converter(annotation) is None


@pytest.mark.parametrize("value, text", [
    ({"a": [0, 1, 2, {3}]}, r'^v\["a"\]\[3\]: a set cannot travel'),
    ([1, 2**64], r"^v\[1\]: 18446744073709551616 has more than 64 bits"),
    ({"a": -(2**63) - 1}, r'^v\["a"\]: .* more than 64 bits'),
    ([10**500], r"^v\[0\]: an int of 1661 bits has more"),
    (["ok", "\ud800"], r"^v\[1\]: a str that is not valid Unicode"),
    ({"\udc00": 1}, r"is not valid Unicode"),
    ({(1, 2): 3}, r"^v: a key is a tuple"),
    ({None: 3}, r"^v: a key is a NoneType"),
    ([object()], r"^v\[0\]: an object cannot travel"),
    ([lambda: 1], r"^v\[0\]: a function cannot travel"),
    ({"t": datetime.datetime(2026, 1, 1)}, r'^v\["t"\]: a datetime without a time zone'),
    ({"e\x1b[31m": {1}}, r"x1b"),
    (1j, r"^v: a complex cannot travel"),
])
def test_what_cannot_travel_is_refused_with_its_path(value: Any, text: str) -> None:
    with pytest.raises(CannotTravel, match=text) as info:
        values.encode(value, "v")
    assert "\x1b" not in str(info.value)


def test_a_list_that_contains_itself_is_refused() -> None:
    ring: List[Any] = []
    ring.append(ring)
    with pytest.raises(CannotTravel, match="contains itself"):
        values.encode(ring)
    assert travel([1]) == [1]


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class WithMoney(Serializer):
    def to_plain(self, value: Any) -> Any:
        return {"cents": value.cents} if isinstance(value, Money) else NotImplemented

    def from_plain(self, value: Any, annotation: Any) -> Any:
        return Money(value["cents"]) if annotation is Money else NotImplemented


def test_a_serializer_teaches_further_types() -> None:
    data = values.encode([Money(5)], serializer=WithMoney())
    assert values.decode(data) == [{"cents": 5}]
    convert = values.converter(Money, WithMoney())
    assert convert is not None and convert({"cents": 7}).cents == 7
    with pytest.raises(CannotTravel, match=r"value\[0\]: a Money"):
        values.encode([Money(5)])


class PydanticLike:
    """What values knows of pydantic, of both of its major versions."""

    __fields__ = {"a": int}

    def __init__(self, a: int) -> None:
        self.a = a

    def dict(self) -> Dict[str, Any]:
        return {"a": self.a}

    @classmethod
    def parse_obj(cls, value: Any) -> "PydanticLike":
        return cls(**value)


def test_a_pydantic_model_travels_as_a_map() -> None:
    assert travel(PydanticLike(3)) == {"a": 3}
    convert = values.converter(PydanticLike)
    assert convert is not None and convert({"a": 4}).a == 4


def test_bytes_that_are_no_value_are_a_value_error() -> None:
    for data in (b"", b"\xc1", b"\x01\x01", b"\x81\x90\x01", b"\xa1\xff"):
        with pytest.raises(ValueError):
            values.decode(data)


def test_keyword_arguments_are_written_in_ascending_order() -> None:
    assert values.encode_kwargs({"b": 1, "a": 2}) == values.encode_kwargs({"a": 2, "b": 1})


def test_a_large_list_is_written_without_a_look_at_each_element() -> None:
    assert len(values.encode([0] * 1_000_000)) > 1_000_000

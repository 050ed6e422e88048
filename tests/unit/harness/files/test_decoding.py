"""Plain data into dataclasses, every type checked on the way."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from alexbench.harness.files.decoding import AnySize, DecodeError, as_data, decode, decode_value


@dataclass(frozen=True, slots=True)
class Inner:
    size: int
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    kind: Literal["a", "b", "c d"]
    inner: Inner
    pair: tuple[str, int] = ("x", 1)
    many: tuple[Inner, ...] = ()
    maybe: Inner | None = None
    table: dict[str, float] = field(default_factory=dict)
    anything: dict[str, Any] = field(default_factory=dict)
    flag: bool = False
    numbers: list[int] = field(default_factory=list)
    either: float | tuple[float, ...] = 0.0
    path: Path = Path()
    worded: Annotated[float, "so many percent"] = 0.0
    mapping: Mapping[str, str] = field(default_factory=dict)


LEAST: dict[str, Any] = {"name": "n", "kind": "a", "inner": {"size": 3}}


def test_defaults_fill_what_may_be_left_out() -> None:
    assert decode(Outer, LEAST) == Outer("n", "a", Inner(3))


def test_every_kind_of_field_comes_through() -> None:
    data = LEAST | {
        "pair": ["y", 2],
        "many": [{"size": 1}, {"size": 2, "share": 1}],
        "maybe": {"size": 9},
        "table": {"p": 1, "q": 0.25},
        "anything": {"deep": [1, {"a": None}]},
        "flag": True,
        "numbers": [1, 2**62],
        "either": [1, 2],
        "path": "a/b",
        "worded": 3,
        "mapping": {"a": "b"},
    }
    assert decode(Outer, data) == Outer(
        "n",
        "a",
        Inner(3),
        ("y", 2),
        (Inner(1), Inner(2, 1.0)),
        Inner(9),
        {"p": 1.0, "q": 0.25},
        {"deep": [1, {"a": None}]},
        flag=True,
        numbers=[1, 2**62],
        either=(1.0, 2.0),
        path=Path("a/b"),
        worded=3.0,
        mapping={"a": "b"},
    )
    assert decode(Outer, LEAST | {"maybe": None}).maybe is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": None}, "name = None, wanted a string"),
        ({"kind": "c"}, "kind = 'c', wanted a, b or c d; did you mean 'c d'?"),
        ({"kind": ["a"]}, "kind = ['a'], wanted a, b or c d"),
        ({"inner": {"size": True}}, "inner.size = True, wanted a whole number"),
        ({"inner": {"size": 2**63}}, "inner.size = 9223372036854775808, wanted 64 bits at most"),
        ({"inner": {"size": 10**400}}, "inner.size = a number of about 400 digits, wanted 64 bits at most"),
        ({"inner": {"size": 1, "share": "1"}}, "inner.share = '1', wanted a number"),
        ({"inner": {"size": 1, "share": True}}, "inner.share = True, wanted a number"),
        ({"inner": {"size": 1, "share": math.nan}}, "inner.share = nan, wanted a finite number"),
        ({"inner": {"size": 1, "sise": 2}}, "unknown key 'inner.sise'; did you mean 'size'? Known: size, share"),
        ({"inner": {}}, "key 'inner.size' is missing"),
        ({"inner": 3}, "inner = 3, wanted a table with size, share"),
        ({"pair": ["y"]}, "pair has 1 values, wanted 2"),
        ({"pair": "yz"}, "pair = 'yz', wanted a list"),
        ({"many": [{"size": 1}, {"size": "2"}]}, "many[1].size = '2', wanted a whole number"),
        ({"maybe": {"size": None}}, "maybe.size = None, wanted a whole number"),
        ({"table": {"p": "1"}}, "table.p = '1', wanted a number"),
        ({"table": [1]}, "table = [1], wanted a table"),
        ({"numbers": [1, 2, "3"]}, "numbers[2] = '3', wanted a whole number"),
        ({"numbers": [1, True]}, "numbers[1] = True, wanted a whole number"),
        ({"numbers": [1, 2**63]}, "numbers[1] = 9223372036854775808, wanted 64 bits at most"),
        ({"flag": 1}, "flag = 1, wanted true or false"),
        ({"either": True}, "either = True, wanted a number or a list"),
        ({"either": ["1"]}, "either[0] = '1', wanted a number"),
        ({"path": 1}, "path = 1, wanted a path"),
        ({"worded": "1"}, "worded = '1', wanted so many percent"),
        ({"worded": math.inf}, "worded = inf, wanted so many percent"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path_with_its_value_and_what_was_wanted(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(Outer, LEAST | change)
    assert str(refused.value) == said


@pytest.mark.parametrize("data", [[], "text", None, 3])
def test_what_is_no_table_is_refused(data: object) -> None:
    with pytest.raises(DecodeError, match=r"it is .*, wanted a table"):
        decode(Outer, data)


def test_the_path_so_far_goes_before() -> None:
    with pytest.raises(DecodeError, match=r"key 'run\.card\.size' is missing"):
        decode(Inner, {}, "run.card")


def test_lists_and_tables_may_be_all_there_is() -> None:
    assert decode(list[Inner], [{"size": 1}]) == [Inner(1)]
    assert decode(dict[str, Inner], {"a": {"size": 1}}) == {"a": Inner(1)}
    with pytest.raises(DecodeError, match=r"^\[1\]\.size = 'x', wanted a whole number$"):
        decode(list[Inner], [{"size": 1}, {"size": "x"}])
    with pytest.raises(DecodeError, match=r"^a\.size = 'x', wanted a whole number$"):
        decode(dict[str, Inner], {"a": {"size": "x"}})


def test_a_value_that_is_only_repeated_may_be_of_any_size() -> None:
    assert decode_value(AnySize, 10**400, "seed") == 10**400
    with pytest.raises(DecodeError, match="seed = True, wanted a whole number"):
        decode_value(AnySize, True, "seed")


def test_what_was_decoded_is_written_as_it_was() -> None:
    full = decode(Outer, LEAST | {"maybe": {"size": 9}, "path": "a/b", "numbers": [1, 2]})
    assert decode(Outer, json.loads(json.dumps(full, default=as_data))) == full
    with pytest.raises(TypeError, match="complex has no form in JSON"):
        json.dumps({"x": 1j}, default=as_data)

"""Plain data into dataclasses, every type checked on the way."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from alexbench.harness.decoding import DecodeError, decode


@dataclass(frozen=True, slots=True)
class Inner:
    size: int
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    kind: Literal["a", "b"]
    inner: Inner
    pair: tuple[str, int] = ("x", 1)
    many: tuple[Inner, ...] = ()
    maybe: Inner | None = None
    table: dict[str, float] = field(default_factory=dict)
    anything: dict[str, Any] = field(default_factory=dict)
    flag: bool = False


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
    )
    assert decode(Outer, LEAST | {"maybe": None}).maybe is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": None}, "name = None is NoneType, wanted str"),
        ({"kind": "c"}, "kind = 'c'; known: a, b"),
        ({"kind": ["a"]}, "kind = ['a']; known: a, b"),
        ({"inner": {"size": True}}, "inner.size = True is bool, wanted int"),
        ({"inner": {"size": 1, "share": "1"}}, "inner.share = '1' is str, wanted float"),
        ({"inner": {"size": 1, "share": True}}, "inner.share = True is bool, wanted float"),
        ({"inner": {"size": 1, "sise": 2}}, "unknown key 'inner.sise'; known: size, share"),
        ({"inner": {}}, "key 'inner.size' is missing"),
        ({"inner": 3}, "inner is int, wanted a table"),
        ({"pair": ["y"]}, "pair has 1 values, wanted 2"),
        ({"pair": "yz"}, "pair is str, wanted a list"),
        ({"many": [{"size": 1}, {"size": "2"}]}, "many[1].size = '2' is str, wanted int"),
        ({"maybe": {"size": None}}, "maybe.size = None"),
        ({"table": {"p": "1"}}, "table.p = '1' is str, wanted float"),
        ({"table": [1]}, "table is list, wanted a table"),
        ({"flag": 1}, "flag = 1 is int, wanted bool"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(Outer, LEAST | change)
    assert said in str(refused.value)


@pytest.mark.parametrize("data", [[], "text", None, 3])
def test_what_is_no_table_is_refused(data: object) -> None:
    with pytest.raises(DecodeError, match=r"it is .*, wanted a table"):
        decode(Outer, data)


def test_the_path_so_far_goes_before() -> None:
    with pytest.raises(DecodeError, match=r"key 'run\.card\.size' is missing"):
        decode(Inner, {}, "run.card")

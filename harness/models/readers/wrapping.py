"""Finds a network's arrays in a checkpoint, under any keys and prefixes that training scripts use.

A model is found by the ends of its arrays' names, which are the network's or torchvision's. The part before them is a
prefix: a module's name (``model.``, ``net.``, ``backbone.``) or a wrapper (DataParallel's ``module.``). There is no
list of keys.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import UsageError, WeightsError, known_words
from alexbench.harness.files.plain_text import one_line
from alexbench.harness.models.array_names import spellings
from alexbench.harness.models.network import Network
from alexbench.harness.models.readers.storages import Tensor

Leaf: TypeAlias = Tensor | NDArray[Any]

_WRAPPERS: Final = frozenset(
    ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
)
"""Parts of names that a wrapper adds anywhere: DataParallel and its like, torch.compile, FSDP, checkpointing."""
_ENDS: Final = ("weight", "bias", "kernel")
"""How names of a layer's arrays end in most frameworks."""
_MAX_DEPTH: Final = 8
_MAX_TABLES: Final = 10_000
_MAX_NAME: Final = 200
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The arrays of the model without their wrapping. ``how``: the wrapping in words; empty if there was none."""

    arrays: dict[str, NDArray[Any]]
    how: str


@dataclass(slots=True)
class _Found:
    """A candidate model: arrays of one dict, at ``keys``, whose names begin with ``prefix``.

    ``names``: a plain name -> the name in the dict.
    """

    keys: tuple[str, ...]
    table: Mapping[str, Leaf]
    prefix: str
    names: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name for --weights-key."""
        return ".".join((*self.keys, *filter(None, (self.prefix.rstrip("."),)))) or "."

    def is_within(self, key: str) -> bool:
        """Whether ``key`` names the group or something that contains it."""
        return key == self.prefix.rstrip(".") or self.label.startswith(f"{key}.")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each array."""
        return {plain: tuple(self.table[name].shape) for plain, name in self.names.items()}


def unwrap(checkpoint: Any, network: Network, source: Path, key: str | None = None) -> Unwrapped:
    """The arrays of ``network`` in the content of a file. ``key``: selects one of several.

    If no model is complete, the best one is returned with everything in its dict, so that the reader can name the
    fault.

    Raises:
        WeightsError: there are no arrays, or several complete models and no key, or the key does not exist.
    """
    tables = list(_tables(checkpoint))
    if not tables:
        raise WeightsError(f"{source} has no state dict (names to tensors); save model.state_dict()")
    models = [one for keys, table in tables for one in _models(keys, table, network)]
    chosen = _chosen(models, network, source, key)
    if chosen is None:
        names = [name for _, table in tables for name in table]
        if not any(name.endswith(_ENDS) for name in names):
            raise WeightsError(
                f"{source} holds tensors ({', '.join(names[:_SHOWN])}), and none has the name of a weight or bias: save"
                " the model's state dict (features.0.weight, ...)"
            )
        keys, table = max(tables, key=lambda one: len(one[1]))
        chosen = _Found(keys, table, "", {})
    return _taken(chosen, [one for one in models if one.table is chosen.table])


def _tables(checkpoint: Any) -> Iterator[tuple[tuple[str, ...], dict[str, Leaf]]]:
    """Every dict or list with tensors, and its keys. Each occurs once, however often it is referenced."""
    seen: set[int] = set()
    waiting: deque[tuple[tuple[str, ...], Any]] = deque([((), checkpoint)])
    while waiting and len(seen) < _MAX_TABLES:
        keys, value = waiting.popleft()
        if id(value) in seen or len(keys) > _MAX_DEPTH or not isinstance(value, dict | list | tuple):
            continue
        seen.add(id(value))
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        table = {_name(name): one for name, one in items if isinstance(one, Tensor | np.ndarray)}
        if table:
            yield keys, table
        waiting += [((*keys, _name(name)), one) for name, one in items if isinstance(one, dict | list | tuple)]


def _name(key: object) -> str:
    """A key as a name for one line of text."""
    return one_line(str(key))[:_MAX_NAME]


def _models(keys: tuple[str, ...], table: Mapping[str, Leaf], network: Network) -> list[_Found]:
    """The groups of arrays in a dict whose names are those of the network."""
    groups: dict[tuple[str, int], _Found] = {}
    wanted = {tuple(name.split(".")): place for place, names in enumerate(spellings(network)) for name in names}
    for name in table:
        ended = _ended(name.split("."), wanted)
        if ended is not None:
            before, plain = ended
            prefix = "".join(f"{part}." for part in before)
            group = groups.setdefault((prefix, wanted[plain]), _Found(keys, table, prefix))
            group.names.setdefault(".".join(plain), name)
    return list(groups.values())


def _ended(parts: Sequence[str], wanted: Mapping[tuple[str, ...], int]) -> tuple[Sequence[str], tuple[str, ...]] | None:
    """The parts before an array's own name, and that name without wrappers; None if it is not the network's."""
    plain: tuple[str, ...] = ()
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] not in _WRAPPERS:
            plain = (parts[at], *plain)
            if plain in wanted:
                return parts[:at], plain
    return None


def _chosen(models: Sequence[_Found], network: Network, source: Path, key: str | None) -> _Found | None:
    """The selected model: the only complete one, or the one that ``key`` names; else the most complete one."""
    named = list(models)
    if key is not None:
        named = [one for one in models if one.label == key] or [one for one in models if one.is_within(key)]
        if not named:
            known = known_words(key, [one.label for one in models])
            raise UsageError(f"--weights-key {key}: {source} has no such model; {known}")
    most = max((len(one.names) for one in named), default=0)
    whole = [one for one in named if len(one.names) == most]
    fitting = [one for one in whole if set(one.shapes().values()) == set(network.parameter_shapes.values())]
    several = _different(fitting or whole) if most == len(network.parameter_shapes) else whole[:1]
    if len(several) > 1:
        labels = [one.label for one in several]
        raise WeightsError(
            f"{source} holds {len(labels)} complete models, {' and '.join(labels)}: say which, --weights-key"
            f" {labels[0]}"
        )
    return next(iter(several), None)


def _different(models: Sequence[_Found]) -> list[_Found]:
    """Leaves out groups whose arrays are all in another group: a checkpoint may name one model twice."""
    kept: list[_Found] = []
    for one in models:
        if not any(_same(one, other) for other in kept):
            kept.append(one)
    return kept


def _same(one: _Found, other: _Found) -> bool:
    return one.names.keys() == other.names.keys() and all(
        _equal(one.table[name], other.table[other.names[plain]]) for plain, name in one.names.items()
    )


def _equal(one: Leaf, other: Leaf) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor) and one == other:
        return True
    return one.shape == other.shape and np.array_equal(_array(one), _array(other))


def _array(leaf: Leaf) -> NDArray[Any]:
    return leaf.array() if isinstance(leaf, Tensor) else leaf


def _taken(chosen: _Found, others: Sequence[_Found]) -> Unwrapped:
    """The arrays of a model, and unexpected arrays with its prefix. Single numbers (a step) are not weights."""
    of_others = {name for one in others if one is not chosen for name in one.names.values()}
    mine = {name: plain for plain, name in chosen.names.items()}
    beside = [name for name in chosen.table if name not in mine]
    extra = [
        name
        for name in beside
        if name.startswith(chosen.prefix) and name not in of_others and len(chosen.table[name].shape) > 0
    ]
    leaves = {mine.get(name, name): one for name, one in chosen.table.items() if name in mine or name in extra}
    return Unwrapped(
        {name: _array(one) for name, one in leaves.items()},
        _how(chosen, mine, [name for name in beside if name not in extra]),
    )


def _how(chosen: _Found, mine: Mapping[str, str], unread: Sequence[str]) -> str:
    """The wrapping of the arrays, in words."""
    said = [f"from {'.'.join(chosen.keys)}"] if chosen.keys else []
    if chosen.prefix:
        said.append(f"without the prefix {chosen.prefix}")
    inner = [name for name, plain in mine.items() if name != chosen.prefix + plain]
    if inner:
        said.append(f"{inner[0].removeprefix(chosen.prefix)} as {mine[inner[0]]}")
    if unread:
        more = f" and {len(unread) - _SHOWN} more" if len(unread) > _SHOWN else ""
        said.append(f"{', '.join(unread[:_SHOWN])}{more} not read")
    return ", ".join(said)

"""The types that a file computes in, stores, and rounds to: one small answer for every format."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from alexbench.harness.contract import Evidence
from alexbench.harness.records.precisions import coarsest

NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("float64", "double", "f64", "DOUBLE"), "fp64"),
    **dict.fromkeys(("float32", "float", "f32", "FLOAT"), "fp32"),
    **dict.fromkeys(("float16", "half", "f16", "FLOAT16"), "fp16"),
    **dict.fromkeys(("bfloat16", "bf16", "BFLOAT16"), "bf16"),
    **dict.fromkeys(("int16", "uint16", "i16", "u16", "INT16", "UINT16", "qint16"), "int16"),
    **dict.fromkeys(("int8", "uint8", "i8", "u8", "INT8", "UINT8", "qint8", "quint8"), "int8"),
    **dict.fromkeys(("int4", "uint4", "i4", "u4", "nf4", "INT4", "UINT4", "quint4x2", "f4e2m1"), "int4"),
    **dict.fromkeys(("int2", "uint2", "i2", "u2", "INT2", "UINT2", "quint2x4"), "int2"),
    **dict.fromkeys(("f8e4m3", "f8e5m2", "float8_e4m3fn", "float8_e5m2"), "fp8"),
    **{f"FLOAT8{name}": "fp8" for name in ("E4M3FN", "E4M3FNUZ", "E5M2", "E5M2FNUZ")},
}
"""A runtime's name of a type -> ours. Integers of 32 and 64 bits are shapes, sums and indices, not a precision."""

LEAST_SHARE: Final = 0.02
"""The share of all stored values below which a type is not named (biases, scales)."""


@dataclass(frozen=True, slots=True)
class FilePrecision:
    """``computed``: the type of products, the coarsest if they differ. ``products``: how many in which.

    ``stored``: the types of the weights, the most first. ``rounded``: the coarsest type that weights or activations
    pass through. ``dynamic``: scales of quantised activations are chosen while it runs. ``evidence`` of ``computed``.
    ``macs``: multiplications with a weight while it was watched, None where nobody counted.
    """

    computed: str
    stored: str
    rounded: str
    products: str
    dynamic: bool = False
    evidence: Evidence = "declared"
    macs: int | None = None


class _OfFacts(TypedDict):
    """These facts under the names of :class:`alexbench.harness.contract.ArtifactFacts`."""

    precision: str
    precision_known: Evidence
    products: str
    stored: str
    rounded: str
    dynamic: bool


def of_facts(found: FilePrecision) -> _OfFacts:
    """``found`` as keywords of the facts."""
    return {
        "precision": found.computed,
        "precision_known": found.evidence,
        "products": found.products,
        "stored": found.stored,
        "rounded": found.rounded,
        "dynamic": found.dynamic,
    }


def file_precision(
    products: Iterable[str],
    stored: Mapping[str, int],
    *,
    through: Iterable[str] = (),
    dynamic: bool = False,
    evidence: Evidence = "declared",
) -> FilePrecision:
    """Facts from our names.

    ``products``: one each; ``stored``: values of each type; ``through``: types of casts and quantisers.

    A file without products, whose weights show nothing, counts as fp32.
    """
    counts: dict[str, int] = {}
    for name in products:
        counts[name] = counts.get(name, 0) + 1
    total = sum(stored.values())
    kept = [name for name in sorted(stored, key=lambda name: -stored[name]) if stored[name] >= LEAST_SHARE * total]
    computed = coarsest(counts) if counts else coarsest(kept)
    said = ", ".join(f"{count} in {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
    rounded = coarsest([computed, *kept, *through])
    return FilePrecision(computed, ", ".join(kept) or computed, rounded, said, dynamic, evidence)

"""The digests that the synthetic set and its weights have on every machine, and what to say when they differ."""

from typing import Final

PICTURES: Final = ""
"""SHA-256 over the SHA-256 of each held-out picture's JPEG file, in the order of the set."""

WEIGHTS: Final[dict[str, str]] = {}
"""Card -> digest of the weights fitted for it."""


def differences(*, pictures: str | None, card: str, weights: str) -> list[str]:
    """A sentence for each digest that is not the expected one; ``pictures`` None: a part, which has none."""
    found = []
    if pictures is not None and pictures != PICTURES:
        found.append(
            f"The synthetic pictures differ from the published ones ({pictures[:12]}, expected {PICTURES[:12]}): "
            "accuracy is comparable within this machine only."
        )
    if card in WEIGHTS and weights != WEIGHTS[card]:
        found.append(
            f"The synthetic weights differ from the published ones ({weights[:12]}, expected {WEIGHTS[card][:12]}): "
            "accuracy is comparable within this machine only."
        )
    return found

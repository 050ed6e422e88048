"""The digests that the synthetic set and its weights have on every machine, and what to say when they differ.

Taken with NumPy 2.4.6 and Pillow 13.0.0; `nox -s digests` takes those of the default card again with other versions.
"""

from typing import Final

PICTURES: Final = "9f973a49acb0ad4677e82354ba21bdd735f609eaa684c76a0759369e2b7ee8e3"
"""SHA-256 over the SHA-256 of each held-out picture's JPEG file, in the order of the set."""

PIXELS: Final = {
    "torchvision": "79ad7457fb7abcfb1e4633100339d586a08e4380c61f3e256988139a84f919bb",
    "bvlc": "7d8bde60a700b4e406e767ef78a0f0c554747728ca133abcdb0b11a68b9fb8d6",
    "tfcnn": "b4255671878aa86fa7e9f6b84f900bd862b22673e1829e84140a22cd6d8a210b",
}
"""Card -> SHA-256 of the held-out pictures' prepared pixels."""

WEIGHTS: Final = {
    "torchvision": "0b1b54134ec7f6f2746ec06567385bc1cfbe20c03ec3405781608ecd8d29a233",
    "bvlc": "6e46f92d7cee3eb2ef383a0e47dda3d4ce51d2acf7fad8d52b5174763be5eed4",
    "tfcnn": "1dae0731ee87ba1267d2885fffae3e2c42a03fd8ec89cb5cbd84ecbc27d92e0e",
}
"""Card -> digest of the weights fitted for it."""


def differences(*, card: str, pictures: str | None, pixels: str | None, weights: str) -> list[str]:
    """A sentence for each digest that is not the expected one; None stands for a part of the set, which has none."""
    compared = (
        ("pictures", pictures, PICTURES),
        ("prepared pixels", pixels, PIXELS.get(card)),
        ("weights", weights, WEIGHTS.get(card)),
    )
    return [
        f"The synthetic {what} differ from the published ones ({found[:12]}, expected {expected[:12]}): "
        "accuracy is comparable within this machine only."
        for what, found, expected in compared
        if found is not None and expected is not None and found != expected
    ]

"""The digests that the synthetic set and its weights have on every machine, and what to say when they differ.

Taken with NumPy 2.4.6 and Pillow 13.0.0; `nox -s digests` takes those of the default card again with other versions.
"""

from typing import Final

PICTURES: Final = "9f973a49acb0ad4677e82354ba21bdd735f609eaa684c76a0759369e2b7ee8e3"
"""SHA-256 over the SHA-256 of each held-out picture's JPEG file, in the order of the set."""

PIXELS: Final = {
    "torchvision": "d17e1e72409bfb038bf650cae4b3300598e80a068a1420add607a9e1329c691b",
    "bvlc": "c6c793a6b652e83c4a98cce75892547a4feafd8f8b32a350f7820ece0c48a5ad",
    "tfcnn": "e6af5328b9fa6bdb2cbd4323711bded7c4b9941c51ad6830704ea139378b08b8",
}
"""Card -> digest of the held-out pictures' prepared pixels: SHA-256 over that of each picture."""

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

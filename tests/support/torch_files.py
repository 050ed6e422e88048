"""Writes .pth files of the real kinds, by torch itself: run as a script, in a process of its own.

``python torch_files.py WEIGHTS.safetensors FOLDER [FILE]``. WEIGHTS are canonical arrays of AlexNet's names; FILE: the
only file to write. torchvision's file is torch.save of a state dict under its own names, in one of two formats.
"""

import collections
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch

from alexbench.harness.models.array_names import TORCHVISION_NAMES
from alexbench.harness.models.weights import map_weights


class Calls:
    """Pickles as a call of os.system, as a hostile file would."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def states(weights: Path) -> dict[str, Any]:
    """File name -> the weights that are saved in it."""
    spelled = {ours: theirs for theirs, ours in TORCHVISION_NAMES.items()}
    state = collections.OrderedDict(
        (f"{spelled[name.split('.')[0]]}.{name.split('.')[1]}", torch.from_numpy(array.copy()))
        for name, array in map_weights(weights).items()
    )
    wrapped = {"epoch": 90, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}, "optimizer": {}}
    wrong = {**state, "classifier.6.weight": torch.zeros(9, 12), "features.0.bias": state["features.0.bias"].int()}
    del wrong["features.3.bias"]
    wrong["extra.weight"] = torch.zeros(3)
    return {"zip.pth": state, "legacy.pth": state, "wrapped.pth": wrapped, "wrong.pth": wrong}


def save(saved: Any, path: Path) -> None:
    """In the format that the file's name says."""
    torch.save(saved, path, _use_new_zipfile_serialization="legacy" not in path.name)


def main(weights: Path, folder: Path, only: str | None = None) -> None:
    """Write one file of each kind, or one of them."""
    made = states(weights)
    if only is not None:
        save(made[only], folder / only)
        return
    for name, saved in made.items():
        save(saved, folder / name)
    small = {"features.0.weight": torch.zeros(64, 3, 11, 11)}
    for name in ("hostile.pth", "hostile-legacy.pth"):
        save({**small, "features.0.bias": Calls(f"touch {folder / 'EXECUTED'}")}, folder / name)
    torch.save(torch.nn.Linear(2, 2), folder / "module.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), folder / "script.pt")
    torch.save([1, 2], folder / "list.pth")
    whole = (folder / "zip.pth").read_bytes()
    (folder / "truncated.pth").write_bytes(whole[: len(whole) // 2])
    (folder / "text.pth").write_text("not a pickle", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])

"""Writes .pth files of the real kinds, by torch itself: run as a script, in a process of its own.

``python torch_files.py WEIGHTS.safetensors FOLDER``. WEIGHTS are canonical arrays of `owt`. Nothing here is a runtime's
secret: torchvision's file is torch.save of a state dict under its own names, in one of two formats.
"""

import collections
import os
import sys
import warnings
from pathlib import Path

import torch

from alexbench.harness.models.array_names import TORCHVISION_NAMES
from alexbench.harness.models.weights import map_weights


class Calls:
    """Pickles as a call of os.system, as a hostile file would."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def main(weights: Path, folder: Path) -> None:
    """Write one file of each kind."""
    spelled = {ours: theirs for theirs, ours in TORCHVISION_NAMES.items()}
    state = collections.OrderedDict(
        (f"{spelled[name.split('.')[0]]}.{name.split('.')[1]}", torch.from_numpy(array.copy()))
        for name, array in map_weights(weights).items()
    )
    torch.save(state, folder / "zip.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    wrapped = {"epoch": 90, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}, "optimizer": {}}
    torch.save(wrapped, folder / "wrapped.pth")
    small = {"features.0.weight": torch.zeros(64, 3, 11, 11)}
    torch.save({**small, "features.0.bias": Calls(f"touch {folder / 'EXECUTED'}")}, folder / "hostile.pth")
    torch.save(
        {**small, "features.0.bias": Calls(f"touch {folder / 'EXECUTED'}")},
        folder / "hostile-legacy.pth",
        _use_new_zipfile_serialization=False,
    )
    torch.save(torch.nn.Linear(2, 2), folder / "module.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), folder / "script.pt")
    torch.save([1, 2], folder / "list.pth")
    wrong = {**state, "classifier.6.weight": torch.zeros(10, 4096), "features.0.bias": state["features.0.bias"].int()}
    del wrong["features.3.bias"]
    torch.save({**wrong, "extra.weight": torch.zeros(3)}, folder / "wrong.pth")
    whole = (folder / "zip.pth").read_bytes()
    (folder / "truncated.pth").write_bytes(whole[: len(whole) // 2])
    (folder / "text.pth").write_text("not a pickle", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

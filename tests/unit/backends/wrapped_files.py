"""Writes checkpoints as training scripts do, by torch itself: run as a script, in a process of its own.

``python wrapped_files.py WEIGHTS.safetensors FOLDER``. WEIGHTS are canonical arrays of an AlexNet's names.
"""

import argparse
import collections
import copy
import datetime
import decimal
import os
import pathlib
import pickle
import random
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexbench.harness.models.array_names import TORCHVISION_NAMES
from alexbench.harness.models.weights import map_weights

State = dict[str, torch.Tensor]


class Calls:
    """Pickles as a call, as a hostile file would."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@dataclass
class Config:
    """A script's own class."""

    epochs: int = 90


def renamed(state: State, change: Callable[[str], str]) -> State:
    return collections.OrderedDict((change(name), tensor) for name, tensor in state.items())


def beside_weights() -> dict[str, Any]:
    """What trainers save with weights."""
    bias = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.Adam([bias], amsgrad=True)
    (bias * 2).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    return {
        "args": argparse.Namespace(data=Path("/data"), lr=0.1, device=torch.device("cpu"), dtype=torch.float16),
        "simple": types.SimpleNamespace(a=1),
        "default": collections.defaultdict(list, {"a": [1]}),
        "counter": collections.Counter("aab"),
        "deque": collections.deque([1, 2], maxlen=3),
        "set": {1, 2, frozenset({3})},
        "numpy": [np.float32(1.5), np.int64(3), np.bool_(True), np.arange(5), np.array(["a"]), np.datetime64("2026")],
        "paths": [pathlib.PurePosixPath("/a"), Path("b")],
        "when": [datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), datetime.date(2026, 1, 2), datetime.timedelta(3)],
        "odd": [1 + 2j, slice(1, 2), decimal.Decimal("1.5"), bytearray(b"ab"), b"ab", range(3), 1 << 80],
        "torch": [torch.Size([1, 2]), torch.device("cuda:0"), torch.float32],
        "version": torch.__version__,
        "optimizer": optimizer.state_dict(),
        "whole optimizer": torch.optim.SGD([torch.zeros(3)], 0.1),
        "scheduler": scheduler.state_dict(),
        "criterion": torch.nn.CrossEntropyLoss(label_smoothing=0.1),
        "generators": [random.getstate(), np.random.default_rng(1), np.random.RandomState(1), torch.get_rng_state()],
        "scaler": torch.amp.GradScaler("cpu", enabled=False).state_dict(),
        "sparse key": {torch.float32: 1, Path("a"): 2},
    }


def lightning(state: State) -> dict[str, Any]:
    """As Lightning's Trainer.save_checkpoint makes it; AttributeDict is its class, by name."""
    module = types.ModuleType("lightning_fabric.utilities.data")
    attribute_dict = type("AttributeDict", (dict,), {"__module__": module.__name__})
    module.AttributeDict = attribute_dict  # type: ignore[attr-defined]
    for name in ("lightning_fabric", "lightning_fabric.utilities"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[module.__name__] = module
    return {
        "epoch": 3,
        "global_step": 400,
        "pytorch-lightning_version": "2.5.1",
        "state_dict": {**renamed(state, lambda name: f"model.{name}"), "criterion.weight": torch.ones(10)},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
        "callbacks": {
            "ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5), "dirpath": Path("a")}
        },
        "optimizer_states": [beside_weights()["optimizer"]],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": attribute_dict(lr=0.1, net="alexnet"),
        "datamodule_hyper_parameters": argparse.Namespace(root=Path("/data")),
    }


def forms(state: State) -> dict[str, Any]:
    """File name -> what is saved in it."""
    ema = {name: tensor + 1 for name, tensor in state.items()}
    examples = renamed(state, lambda name: name.replace("features.", "features.module."))
    compiled = torch.nn.ParameterDict({name.replace(".", "_"): tensor for name, tensor in state.items()})
    transposed = {name: tensor.T.contiguous().T if tensor.ndim == 2 else tensor for name, tensor in state.items()}
    whole = torch.cat([tensor.reshape(-1) for tensor in state.values()])
    parts, start = {}, 0
    for name, tensor in state.items():
        parts[name] = whole[start : start + tensor.numel()].view(tensor.shape)
        start += tensor.numel()
    half = {name: tensor.half() for name, tensor in state.items()}
    first = next(iter(state))
    return {
        "model_best.pth.tar": {"epoch": 90, "arch": "alexnet", "state_dict": examples, "best_acc1": torch.tensor(56.5)},
        "module.pth": renamed(state, lambda name: f"module.{name}"),
        "compiled.pt": renamed(state, lambda name: f"_orig_mod.{name}"),
        "both.bin": renamed(state, lambda name: f"_orig_mod.module.{name}"),
        "fsdp.pth": renamed(state, lambda name: name.replace(".", "._fsdp_wrapped_module.", 1)),
        "net.pth": {"net": renamed(state, lambda name: f"module.{name}"), "acc": 93.2, "epoch": 3},
        "nested.pth": {"ema": {"shadow": {"state_dict": state}}},
        "list.pth": [1, [state]],
        "backbone.pth": renamed(state, lambda name: f"backbone.net.{name}"),
        "lightning.ckpt": lightning(state),
        "train.pth": {"model": state, **beside_weights()},
        "swa.pth": {**renamed(state, lambda name: f"module.{name}"), "n_averaged": torch.tensor(7)},
        "parameters.pth": {name: torch.nn.Parameter(tensor) for name, tensor in state.items()},
        "attributes.pth": {name: _with_attribute(tensor) for name, tensor in state.items()},
        "views.pth": parts,
        "transposed.pth": transposed,
        "buffers.pth": {**state, "step": torch.tensor(3)},
        "same.pth": {"model": state, "model_ema": copy.copy(state)},
        "no-suffix": {"weights": state},
        "half.pth": half,
        "bfloat16.pth": {name: tensor.bfloat16() for name, tensor in state.items()},
        "double.pth": {name: tensor.double() for name, tensor in state.items()},
        "mixed.pth": {**state, first: state[first].half()},
        "two.pth": {"model": state, "model_ema": {**renamed(ema, lambda name: f"module.{name}"), "n": torch.tensor(1)}},
        "timm.pth.tar": {"state_dict": state, "state_dict_ema": ema, "args": argparse.Namespace()},
        "pair.pth": {**renamed(state, lambda name: f"student.{name}"), **renamed(ema, lambda name: f"teacher.{name}")},
        "int8.pth": {**state, first: state[first].to(torch.int8)},
        "float8.pth": {**state, first: state[first].to(torch.float8_e4m3fn)},
        "sparse.pth": {**state, first: state[first].to_sparse()},
        "no-tensors.pth": {"state_dict": {"a": 1}},
        "other.pth": {"state_dict": {"encoder.0.weight": torch.zeros(3)}},
        "module-object.pth": compiled,
        "config.pth": {"state_dict": state, "config": Config()},
        "hostile.pth": {"state_dict": state, "x": Calls(os.system, "touch EXECUTED")},
        "hostile-eval.pth": {"state_dict": state, "x": Calls(eval, "open('EXECUTED', 'w')")},
        "hostile-getattr.pth": {"state_dict": state, "x": Calls(getattr, "a", "upper")},
        "hostile-list.pth": {"state_dict": state, "x": Calls(map, os.system, ["touch EXECUTED"])},
    }


def _with_attribute(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.clone()
    tensor.note = "kept"  # type: ignore[attr-defined]
    return tensor


def main(weights: Path, folder: Path) -> None:
    """Write one file of each form."""
    arrays = map_weights(weights)
    state = {
        f"{theirs}.{kind}": torch.from_numpy(arrays[f"{ours}.{kind}"].copy())
        for theirs, ours in TORCHVISION_NAMES.items()
        for kind in ("weight", "bias")
    }
    made = forms(state)
    for name, value in made.items():
        torch.save(value, folder / name)
    for name in ("train.pth", "lightning.ckpt", "hostile.pth", "views.pth", "half.pth"):
        torch.save(made[name], folder / f"legacy-{name}", _use_new_zipfile_serialization=False)
    torch.save(made["train.pth"], folder / "protocol4.pth", pickle_protocol=4)
    with (folder / "plain.pth").open("wb") as file:
        pickle.dump({"a": 1}, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

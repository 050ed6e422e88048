"""The environment: Python, package versions, variables and git state. What a gate compares.

It is that of the process which asks: another interpreter's is had by asking a worker that runs on it.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.harness.measure.process import threadpools

RUNTIME_DISTRIBUTIONS: Final = ("numpy", "pandas", "pillow", "pyarrow", "safetensors", "scipy", "simplejpeg")
"""Ours whose version can change a number or a pixel; the backends' own are added by the caller."""

ACCOMPANYING_DISTRIBUTIONS: Final = (
    "flatbuffers",
    "intel-openmp",
    "keras",
    "mkl",
    "mlcommons-loadgen",
    "ml-dtypes",
    "onnx",
    "onednn",
    "protobuf",
    "tbb",
    "triton",
)
"""What runtimes bring along or look for, and what drives them: in the record where installed."""

ACCOMPANYING_PREFIXES: Final = ("nvidia-", "cuda-", "tensorrt")
"""CUDA's libraries come as some twenty distributions."""

VARIABLE_PREFIXES: Final = (
    "ATEN_",
    "BLIS_",
    "CUBLAS_",
    "CUDA_",
    "CUDNN_",
    "DNNL_",
    "GOMP_",
    "GOTO_",
    "KMP_",
    "MALLOC_",
    "MKL_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "OPENVINO_",
    "ORT_",
    "OV_",
    "PYTORCH_",
    "TBB_",
    "TCMALLOC_",
    "TF_",
    "TORCH_",
    "VECLIB_",
    "XLA_",
)
VARIABLES: Final = (
    "GLIBC_TUNABLES",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NVIDIA_TF32_OVERRIDE",
    "PYTHONMALLOC",
)
_SECRETIVE: Final = ("CREDENTIAL", "KEY", "PASSWD", "PASSWORD", "SECRET", "TOKEN")
_NOT_TENSORFLOW: Final = ("TF_CLI_", "TF_CLOUD_", "TF_TOKEN_", "TF_VAR_")
"""Terraform's, which shares TensorFlow's prefix and holds passwords."""

_GIT_LIMIT_S: Final = 5.0
_OWN_TREE: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Blas:
    """A library of matrix products, its version, and the architecture that its kernels are for."""

    library: str
    version: str | None
    architecture: str | None


@dataclass(frozen=True, slots=True)
class GitState:
    """``dirty``: whether tracked files differ from ``commit``; ``describe``: from the last tag."""

    commit: str
    dirty: bool | None
    describe: str | None


@dataclass(frozen=True, slots=True)
class GitStates:
    """``alexbench``: its own source tree, None if installed from a wheel.

    ``working_directory``: the repository that the process stands in, None if there is none or it is the same.
    """

    alexbench: GitState | None
    working_directory: GitState | None


@dataclass(frozen=True, slots=True)
class Environment:
    """What is installed and set, for one process.

    ``packages``: version by distribution, those that are not installed left out. ``blas``: what NumPy multiplies with.
    ``variables``: the listed ones only, and none whose name speaks of a secret.
    """

    python: str
    implementation: str
    executable: str
    packages: dict[str, str]
    blas: list[Blas]
    variables: dict[str, str]
    git: GitStates


def environment(distributions: tuple[str, ...]) -> Environment:
    """That of this process, with the versions of these ``distributions`` too."""
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        executable=sys.executable,
        packages=_versions((*RUNTIME_DISTRIBUTIONS, *ACCOMPANYING_DISTRIBUTIONS, *distributions)),
        blas=_blas(),
        variables={name: value for name, value in sorted(os.environ.items()) if _is_kept(name)},
        git=_git_states(),
    )


def _is_kept(name: str) -> bool:
    if name.startswith(_NOT_TENSORFLOW) or any(word in name for word in _SECRETIVE):
        return False
    return name.startswith(VARIABLE_PREFIXES) or name in VARIABLES


def _versions(distributions: tuple[str, ...]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for name in distributions:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    for found in importlib.metadata.distributions():
        # A folder that a broken installation left has no name, and newer Pythons warn when asked for it.
        name = found.metadata["Name"].lower() if "Name" in found.metadata else ""
        if name.startswith(ACCOMPANYING_PREFIXES):
            versions[name] = found.version
    return dict(sorted(versions.items()))


def _blas() -> list[Blas]:
    """Each BLAS that is loaded, NumPy's at least, in the order of loading."""
    import numpy  # noqa: F401  its BLAS is to be loaded, whoever asks

    return [
        Blas(found["internal_api"], found["version"], found.get("architecture"))
        for found in threadpools().threadpool_info()
        if found["user_api"] == "blas"
    ]


def _git_states() -> GitStates:
    # Installed from a wheel we lie in site-packages, which may be inside of someone's repository.
    own = _OWN_TREE if (_OWN_TREE / "pyproject.toml").is_file() else None
    here = _top_level(Path.cwd())
    same = own is not None and here is not None and _top_level(own) == here
    return GitStates(
        alexbench=None if own is None else _git_state(own),
        working_directory=None if here is None or same else _git_state(here),
    )


def _git_state(folder: Path) -> GitState | None:
    """None without a commit."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    describe = _git(folder, "describe", "--always", "--tags", "--dirty", "--abbrev=12")
    return GitState(commit, None if describe is None else describe.endswith("-dirty"), describe)


def _top_level(folder: Path) -> Path | None:
    said = _git(folder, "rev-parse", "--show-toplevel")
    return None if said is None else Path(said)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None without git, outside a repository, or where it takes too long."""
    # A hook runs with variables that name its own repository, whatever the folder.
    own = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")
    variables = {name: value for name, value in os.environ.items() if name not in own}
    command = ("git", "--no-optional-locks", "-C", str(folder), *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_LIMIT_S, check=False, env=variables)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None

"""What the tests of data sets share."""

import shutil
from pathlib import Path

import pytest

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from tests.unit.datasets.drawn_images import draw, drawn_set

MANY = 96  # enough for child processes


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("drawn") / "set", MANY)


@pytest.fixture
def few(tmp_path: Path) -> Dataset:
    return drawn_set(tmp_path / "few", 7)


@pytest.fixture
def many(drawn: Path, tmp_path: Path) -> Dataset:
    return open_dataset(shutil.copytree(drawn, tmp_path / "many"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"

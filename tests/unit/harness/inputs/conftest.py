"""A cache of its own for what is fetched."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path / "cache"))
    for name in list(os.environ):
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "alexbench_offline"):
            monkeypatch.delenv(name)
    return tmp_path / "cache"

"""Messages of the troubleshooting page, as commands print them that fail."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from alexbench.harness.records.record_files import to_json
from alexbench.harness.records.run_records import SCHEMA_VERSION
from tests.support import in_process
from tests.support.records import ok_row, run_record
from tests.unit.house.test_troubleshooting import MESSAGES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands below name."""
    made = tmp_path_factory.mktemp("mistakes")
    image = Image.fromarray(np.zeros((300, 300, 3), np.uint8))
    for name in ("val/n01440764/a.JPEG", "two/n01440764/a.JPEG", "bad/n01440764/a.JPEG"):
        (made / name).parent.mkdir(parents=True)
        image.save(made / name)
    cut = made / "bad/n01440764/a.JPEG"
    cut.write_bytes(cut.read_bytes()[:-300])
    (made / "two/validation-00000-of-00128").write_bytes(b"")
    save_file({"conv.weight": np.zeros((1, 1), np.float32)}, made / "other.safetensors")
    with zipfile.ZipFile(made / "model.pt2", "w") as archive:
        archive.writestr("model/archive_format", "pt2")
    newer = to_json(run_record(ok_row("torch"))).replace(
        f'"schema_version": {SCHEMA_VERSION}', f'"schema_version": {SCHEMA_VERSION + 1}'
    )
    (made / "newer").mkdir()
    (made / "newer/run.json").write_text(newer, encoding="utf-8")
    (made / "baselines").mkdir()
    return made


PROGRAM = next(message for message in MESSAGES if "is a program" in message)
PRINTED = [
    ("did you mean ...? Known: ...", "run --backend pytorch"),
    ("...: no such folder or file; ...", "datasets show nope"),
    ("--data without --weights: ...", "run --data val"),
    ("--weights without --data: ...", "run --weights other.safetensors"),
    ("...: could be two layouts, ...; name one with ...", "datasets show two"),
    ("..., or go on without it: --on-bad-image skip", "datasets prepare bad"),
    ("... does not fit network ...: ...", "run --data val --weights other.safetensors"),
    ("--weights published: the weights of ... are not here; ...", "run --data val --weights published"),
    (PROGRAM, "run --data val --artifact torch=model.pt2"),
    ("... has schema ..., newer than the ... this alexbench reads; upgrade alexbench", "report newer"),
    ("no baseline in ...; make one: alexbench baseline save RUN", "baseline show"),
]


@pytest.mark.parametrize(("message", "command"), PRINTED, ids=[command for _, command in PRINTED])
def test_a_command_prints_what_the_page_explains(message: str, command: str, folder: Path, tmp_path: Path) -> None:
    assert message in MESSAGES
    ended = in_process.alexbench(*command.split(), folder=folder, cache=tmp_path)
    assert ended.code == 2, ended.err
    assert ended.last_line.startswith("alexbench: ")
    assert re.search(".*".join(map(re.escape, message.split("..."))), ended.last_line), ended.err

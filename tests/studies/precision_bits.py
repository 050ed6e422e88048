"""What error each precision leaves, on three networks: the figures that classes of effective bits come from.

    python tests/studies/precision_bits.py [--images 64]

Runs ``alexbench run --only accuracy`` on the synthetic set for each card: PyTorch with the inputs and weights of every
layer rounded to so many bits (tests/end_to_end/planted.py), and each runtime's own fp32 and bf16.
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import SystemRecord

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.end_to_end.planted import shim

CARDS: Final = ("torchvision", "bvlc", "tfcnn")
ROUNDED_TO: Final = (16, 13, 11, 8, 6, 4)
FP32: Final = ("onnxruntime", "openvino", "tensorflow", "torch")
BF16: Final = ("openvino", "torch")


def measured(card: str, images: int, *more: str) -> list[SystemRecord]:
    """The rows of a run over so many images; those that could not do it are in error."""
    script = shutil.which("alexbench", path=sysconfig.get_path("scripts"))
    assert script is not None, "the console script is not installed"
    with tempfile.TemporaryDirectory() as out:
        given = ["--model", card, "--only", "accuracy", "--limit", str(images), "--out", out]
        subprocess.run([script, "run", *given, *more], check=False, capture_output=True)
        runs = list(Path(out).iterdir())
        return list(read_run(runs[0]).systems) if runs else []


def report(card: str, what: str, rows: list[SystemRecord]) -> None:
    """A line of the table for each row that has a parity."""
    for row in rows:
        if row.parity is not None and row.parity.effective_bits is not None:
            found = row.parity
            figures = (
                f"{found.sqnr_db:.1f} | {found.effective_bits:.1f} | {found.max_abs_over_sigma:.1e} | {found.kl:.1e}"
            )
            print(f"| {card} | {row.name}, {what} | {figures} | {found.computed_as} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    images = parser.parse_args().images
    print("| card | row | SQNR dB | bits | error / sigma | KL nats | named |\n|---|---|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        for card in CARDS:
            report(card, "fp32", measured(card, images, *(word for name in FP32 for word in ("--backend", name))))
            for bits in ROUNDED_TO:
                python = f"torch={shim(f'{bits} bits', Path(folder))}"
                rows = measured(card, images, "--backend", "torch", "--python", python)
                report(card, f"rounded to {bits} bits", rows)
            for name in BF16:
                report(card, "bf16", measured(card, images, "--backend", name, "--precision", "bf16"))


if __name__ == "__main__":
    main()

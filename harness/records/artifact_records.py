"""What was found in a file that a row ran."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """The user's own file that a row ran, and what was found in it.

    ``sha256``: of the file, or over the files of a folder. ``normalisation``: what the file does to its input itself,
    as a formula, empty for nothing; ``fed``: what it was fed. ``scores``: logits, probabilities or log-probabilities.
    ``trusted``: the user said that it may run as a program; ``confined``: what its process was refused then.
    ``stated``: what its input takes, in the words of ``--artifact-input``; empty where its graph shows that.
    ``synthetic``: its weights are synthetic.

    ``precision``: what its products work in, ``products`` how many in which; ``stored``: the type of its weights;
    ``rounded``: the coarsest type that values pass through; ``dynamic``: scales of activations are chosen while it
    runs. Empty in older records. ``bytes``: of all its files, 0 in older records.
    ``outputs``: how many scores it gives an image, None in older records; ``macs``: its
    multiplications with a weight, an image, None where that is not known.
    """

    path: str
    sha256: str
    format: str
    precision: str
    input_name: str
    output_name: str
    layout: str
    batch: int | None
    scores: str
    normalisation: str
    fed: str
    producer: str = ""
    trusted: bool = False
    confined: str = ""
    stated: str = ""
    synthetic: bool = False
    products: str = ""
    stored: str = ""
    rounded: str = ""
    dynamic: bool = False
    outputs: int | None = None
    macs: int | None = None
    bytes: int = 0

"""What `alexbench predict` prints."""

import io

from alexbench.harness.prediction.predict import Guess
from alexbench.harness.prediction.showing import answer, print_predictions

TABBY, TIGER, LYNX = (
    Guess(index, f"n{index:08}", label, 0.0) for index, label in ((281, "tabby"), (282, "tiger cat"), (287, "lynx"))
)


def guesses(*found: tuple[Guess, float]) -> list[Guess]:
    return [Guess(one.index, one.wnid, one.label, share) for one, share in found]


AGREED = {"torch": guesses((TABBY, 0.82), (TIGER, 0.1)), "openvino": guesses((TABBY, 0.82), (LYNX, 0.11))}


def test_the_answer_is_the_class_and_that_all_agree() -> None:
    assert answer("cat.jpg", AGREED) == "cat.jpg: tabby (82.0 %); all 2 backends agree."
    assert answer("-", {"torch": AGREED["torch"]}) == "standard input: tabby (82.0 %)."


def test_backends_that_disagree_are_named() -> None:
    rows = {**AGREED, "openvino int8": guesses((TIGER, 0.5), (TABBY, 0.4))}
    said = answer("cat.jpg", rows)
    assert said == "cat.jpg: the backends disagree: tabby (torch, openvino); tiger cat (openvino int8)."


def test_a_class_is_one_line_with_a_column_per_backend() -> None:
    stream = io.StringIO()
    print_predictions({"cat.jpg": AGREED}, as_json=False, stream=stream)
    lines = stream.getvalue().splitlines()
    assert lines[1].split()[-2:] == ["torch", "openvino"]
    assert [line.split() for line in lines[3:]] == [
        ["tabby", "82.00", "82.00"],
        ["lynx", "-", "11.00"],
        ["tiger", "cat", "10.00", "-"],
    ]

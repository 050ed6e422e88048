"""What ``models show`` says of a card: everything, within 100 columns, and the same as data."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.harness.inputs.card_page import WIDTH, card_data, card_lines, show, steps
from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.records.run_records import Published


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", card_names())
def test_a_page_is_within_its_width_but_for_urls(name: str) -> None:
    lines = list(card_lines(load_card(name)))
    assert [line for line in lines if len(line) > WIDTH and not line.strip().startswith("http")] == []
    for section in ("INPUT", "OUTPUT", "NETWORK", "WEIGHTS", "PUBLISHED FIGURES", "LICENCE", "CITATION", "NOTES"):
        assert section in lines


@pytest.mark.parametrize("name", card_names())
def test_a_page_leaves_out_nothing_that_the_card_says(name: str) -> None:
    card = load_card(name)
    page = " ".join(" ".join(card_lines(card)).split())
    for text in (card.title, card.licence, card.citation, *card.notes):
        assert " ".join(text.split()) in page
    for source in card.weights:
        for text in (source.file, *source.urls, source.sha256, source.sha384, source.sha256_prefix, source.note):
            assert (text or "") in page
    for figures in card.published:
        assert figures.source in page
        assert figures.other in page
        assert f"top-1 {figures.top1:g} %, top-5 {figures.top5:g} %" in page


def test_the_page_of_omz() -> None:
    lines = [line.strip() for line in card_lines(load_card("omz"))]
    assert "data, 1 x 3 x 227 x 227 (NCHW), float32, channels BGR" in lines
    assert "values: B -104 to 151, G -117 to 138, R -123 to 132" in lines
    assert "prob, 1 x 1000 softmax" in lines
    assert "1.5  GFLOPs (Open Model Zoo)" in lines
    assert lines.count("published: Open Model Zoo alexnet") == 2


def test_background_is_said() -> None:
    assert "  output 0 is background, class c is output c + 1" in card_lines(load_card("tfcnn"))


@pytest.mark.parametrize("name", card_names())
def test_as_data_it_is_all_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(name, as_json=True)
    data = json.loads(capsys.readouterr().out)
    card = load_card(name)
    assert data["input"]["shape"] == [1, 3, card.preprocessing.crop, card.preprocessing.crop]
    assert data["output"] == {
        "name": card.output_name,
        "shape": [1, card.labels],
        "kind": card.output,
        "labels": card.labels,
        "background": name == "tfcnn",
    }
    assert sum(layer["parameters"] for layer in data["network"]["layers"]) == data["network"]["parameters"]
    assert sum(layer["macs"] for layer in data["network"]["layers"]) == data["network"]["macs"]
    assert [one["file"] for one in data["weights"]] == [one.file for one in card.weights]
    assert all(one["here"] == "-" for one in data["weights"])
    assert (data["licence"], data["citation"], data["notes"]) == (card.licence, card.citation, list(card.notes))
    assert data["preprocessing"]["steps"] == list(steps(card.preprocessing))


def test_where_an_artifact_or_a_fetched_file_is_is_said(tmp_path: Path) -> None:
    assert "    an artifact: run as it is" in card_lines(load_card("onnx-zoo-int8"))
    place = Path(card_data(load_card("omz"))["weights"][0]["path"])
    assert place == tmp_path / "cache" / "downloads" / "omz" / "bvlc_alexnet.caffemodel"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"not yet")
    assert f"    {place}" in card_lines(load_card("omz"))


def test_a_size_that_nothing_explains_is_said() -> None:
    card = replace(load_card("omz"), published=(Published("somebody", 50, 75, gflops=9.9),))
    assert "  9.9 gflops (somebody): by no convention known here" in card_lines(card)


def test_preprocessing_in_words() -> None:
    assert list(steps(load_card("modelhub-onnx").preprocessing))[2:] == [
        "to 224 x 224, aspect not kept; Lanczos with antialias (Pillow's)",
        "no crop",
        "channels in the order RGB",
        "value, minus 127.5 127.5 127.5",
    ]
    assert list(steps(load_card("tfcnn").preprocessing))[-1] == "value / 127.5, minus 1 1 1"

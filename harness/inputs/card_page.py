"""``alexbench models show``: all that is known of a card, as text or JSON."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from math import prod
from textwrap import wrap
from typing import Any, Final

from alexbench.harness.files.plain_text import json_text
from alexbench.harness.inputs.fetching import local_state, place_of
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.checksums import verification
from alexbench.harness.models.conventions import CONVENTIONS, explain
from alexbench.harness.models.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Layer,
    Linear,
    MaxPool,
    Network,
    output_shapes,
)
from alexbench.harness.models.preprocessing import Preprocessing, lookup_tables
from alexbench.harness.records.run_records import Published

WIDTH: Final = 100
_INTERPOLATIONS: Final = {
    "pillow-bilinear": "bilinear with antialias (Pillow's)",
    "pillow-bicubic": "bicubic with antialias (Pillow's)",
    "pillow-lanczos": "Lanczos with antialias (Pillow's)",
    "pillow-box": "box, the mean of what a pixel covers (Pillow's)",
    "pillow-hamming": "Hamming with antialias (Pillow's)",
    "pillow-nearest": "nearest neighbour (Pillow's)",
    "opencv-bilinear": "bilinear without antialias (OpenCV's INTER_LINEAR)",
    "opencv-bicubic": "bicubic without antialias (OpenCV's INTER_CUBIC)",
    "opencv-area": "area, the mean of what a pixel covers (OpenCV's INTER_AREA)",
    "opencv-nearest": "nearest neighbour (OpenCV's INTER_NEAREST)",
    "scikit-image-bilinear": "bilinear without antialias (scikit-image's order 1, as caffe.io)",
    "tensorflow1-bilinear": "bilinear without antialias and without half-pixel centres (TensorFlow 1's)",
}
_DECODERS: Final = {
    "libjpeg": "JPEG by libjpeg-turbo: exact transform, smooth upsampling of colour, as Pillow and OpenCV",
    "opencv": "as cv2.imread: JPEG by libjpeg-turbo, exact transform, smooth upsampling of colour; CMYK as OpenCV",
    "libjpeg-fast": "JPEG by libjpeg-turbo: fast transform, plain upsampling of colour, as TensorFlow's INTEGER_FAST",
}


def show(name: str, *, as_json: bool) -> None:
    """Print a card, by name or path, to standard output."""
    card = load_card(name)
    if as_json:
        sys.stdout.write(json_text(card_data(card)) + "\n")
    else:
        print("\n".join(card_lines(card)))


def card_data(card: Card) -> dict[str, Any]:
    """Everything, as JSON takes it."""
    network = card.build_network()
    preprocessing = card.preprocessing
    return {
        "name": card.name,
        "title": card.title,
        "network": {
            "name": network.name,
            "title": network.title,
            "parameters": network.parameters,
            "macs": network.macs,
            "flops": network.flops,
            "layers": _layers(network),
        },
        "input": {
            "name": card.input_name,
            "shape": [1, *network.input_shape],
            "layout": "NCHW",
            "dtype": "float32",
            "channels": preprocessing.channels,
            "range": _ranges(preprocessing),
        },
        "preprocessing": {**asdict(preprocessing), "steps": list(steps(preprocessing))},
        "output": {
            "name": card.output_name,
            "shape": [1, card.labels],
            "kind": card.output,
            "labels": card.labels,
            "background": card.label_offset == 1,
        },
        "weights": [
            {
                **asdict(source),
                "verified_by": verification(source),
                "here": local_state(card, source),
                "path": str(place_of(card, source)),
            }
            for source in card.weights
        ],
        "published": [asdict(figures) for figures in card.published],
        "conventions": [
            {"name": one.name, "formula": one.formula, "count": one.count(network), "shown": one.shown(network)}
            for one in CONVENTIONS
        ],
        "explained": [asdict(one) for one in explain(card.published, network)],
        "licence": card.licence,
        "citation": card.citation,
        "notes": list(card.notes),
    }


def steps(asked: Preprocessing) -> Iterator[str]:
    """A preprocessing in words, step by step."""
    yield _DECODERS[asked.decode]
    yield "EXIF orientation applied" if asked.exif else "EXIF orientation ignored"
    by = _INTERPOLATIONS[asked.interpolation]
    match asked.resize:
        case "shorter-side":
            yield f"shorter side to {asked.resize_to}, aspect kept; {by}"
        case "squash":
            yield f"to {asked.resize_to} x {asked.resize_to}, aspect not kept; {by}"
        case "tf-cnn":
            yield f"sides to int(side x max({asked.crop} / height, {asked.crop} / width) x 1.145); {by}"
    if asked.resize == "squash" and asked.resize_to == asked.crop:
        yield "no crop"
    elif asked.crop_position == "corner":
        yield f"top left {asked.crop} x {asked.crop}"
    else:
        rounded = "Python's round" if asked.crop_rounding == "round" else "rounded down"
        yield f"centre {asked.crop} x {asked.crop}; half of an odd margin: {rounded}"
    yield f"channels in the order {asked.channels}"
    value = "value" if asked.divide_by == 1 else f"value / {asked.divide_by:g}"
    mean = f"minus {_numbers(asked.mean)}"
    scaled = "" if set(asked.std) == {1.0} else f", divided by {_numbers(asked.std)}"
    yield f"{value}, {mean}{scaled}"


def card_lines(card: Card) -> Iterator[str]:
    """A page of at most WIDTH columns, but for URLs and paths, which stay whole."""
    data, network = card_data(card), card.build_network()
    yield from _paragraph(f"{card.name}: {card.title}", "")
    yield from _paragraph(f"network {network.name}: {network.title}", "")
    yield from _section("Input")
    yield from _input(data)
    yield from _section("Output")
    named = f"{card.output_name}, " if card.output_name else ""
    yield from _paragraph(f"{named}1 x {card.labels} {card.output}")
    yield from _paragraph(
        "output 0 is background, class c is output c + 1" if card.label_offset else "class c is output c"
    )
    yield from _section("Network")
    yield from _layer_table(data["network"])
    yield from _section("Weights")
    yield from _weights(data["weights"])
    yield from _section("Published figures")
    for figures in card.published:
        yield from _paragraph(f"top-1 {figures.top1:g} %, top-5 {figures.top5:g} %{_sizes(figures)}: {figures.source}")
        yield from _paragraph(figures.other, "    ")
    if not card.published:
        yield from _paragraph("none")
    yield from _section("Sizes, by what is counted")
    yield from _sizes_table(data)
    for title, paragraphs in (("Licence", [card.licence]), ("Citation", [card.citation]), ("Notes", card.notes)):
        yield from _section(title)
        for paragraph in paragraphs:
            yield from _paragraph(paragraph)


def _section(title: str) -> Iterator[str]:
    yield from ("", title.upper())


def _paragraph(text: str, indent: str = "  ") -> list[str]:
    return wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _input(data: dict[str, Any]) -> Iterator[str]:
    asked = data["input"]
    named = f"{asked['name']}, " if asked["name"] else ""
    shape = " x ".join(map(str, asked["shape"]))
    yield from _paragraph(f"{named}{shape} ({asked['layout']}), {asked['dtype']}, channels {asked['channels']}")
    ranges = ", ".join(f"{channel} {low:.4g} to {high:.4g}" for channel, (low, high) in asked["range"].items())
    yield from _paragraph(f"values: {ranges}")
    for number, step in enumerate(data["preprocessing"]["steps"], 1):
        yield from _paragraph(f"{number}. {step}")


def _ranges(preprocessing: Preprocessing) -> dict[str, tuple[float, float]]:
    tables = lookup_tables(preprocessing)
    return {
        channel: (float(table.min()), float(table.max()))
        for channel, table in zip(preprocessing.channels, tables, strict=True)
    }


def _layers(network: Network) -> list[dict[str, Any]]:
    arrays, macs, outputs = network.parameter_shapes, network.macs_per_layer, output_shapes(network)
    return [
        {
            "name": layer.name,
            "kind": _kind(layer),
            "output": list(outputs[layer.name]),
            "parameters": sum(prod(shape) for name, shape in arrays.items() if name.startswith(f"{layer.name}.")),
            "macs": macs.get(layer.name, 0),
        }
        for layer in network.layers
    ]


def _kind(layer: Layer) -> str:
    match layer:
        case Conv():
            groups = f", {layer.groups} groups" if layer.groups > 1 else ""
            padding = f", padding {layer.padding}" if layer.padding else ""
            return f"convolution {layer.kernel} x {layer.kernel}, stride {layer.stride}{padding}{groups}"
        case Linear():
            return f"fully connected, {layer.in_features} inputs"
        case MaxPool():
            ceil = ", ceil mode" if layer.ceil_mode else ""
            return f"max pool {layer.kernel} x {layer.kernel}, stride {layer.stride}{ceil}"
        case AdaptiveAvgPool():
            return f"adaptive average pool to {layer.size} x {layer.size}"
        case LRN():
            return f"LRN over {layer.size} channels, alpha {layer.alpha:g}, beta {layer.beta:g}, k {layer.k:g}"
        case _:
            return type(layer).__name__.lower()


def _layer_table(network: dict[str, Any]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("layer", "", "output", "parameters", "MACs")]
    for layer in network["layers"]:
        shape = " x ".join(map(str, layer["output"]))
        counts = (f"{layer[key]:,}" if layer[key] else "" for key in ("parameters", "macs"))
        rows.append((layer["name"], layer["kind"], shape, *counts))
    rows.append(("all", "", "", f"{network['parameters']:,}", f"{network['macs']:,}"))
    yield from _table(rows, right=3)


def _weights(sources: list[dict[str, Any]]) -> Iterator[str]:
    if not sources:
        yield from _paragraph("none are published")
    for source in sources:
        size = "size not published" if source["size"] is None else f"{source['size']:,} bytes"
        yield from _paragraph(f"{source['file']} ({source['format']}), {size}; here: {source['here']}")
        if source["here"] != "-":
            yield f"    {source['path']}"
        for url in source["urls"]:
            yield f"    {url}"
        for key, name in (("sha256", "SHA-256"), ("sha384", "SHA-384")):
            if source[key]:
                yield from (f"    {name}", f"    {source[key]}")
        if source["sha256_prefix"] and not source["sha256"]:
            yield f"    SHA-256 begins with {source['sha256_prefix']}"
        if source["artifact"]:
            yield "    an artifact: run as it is"
        yield from _paragraph(source["note"], "    ")


def _sizes(figures: Published) -> str:
    named = (("gflops", "GFLOPs"), ("gmacs", "GMACs"), ("mparams", "M parameters"))
    said = [f"{value:g} {name}" for key, name in named if (value := getattr(figures, key)) is not None]
    said += [
        f"{value:,} {name}" for name, value in (("FLOPs", figures.flops), ("parameters", figures.parameters)) if value
    ]
    return "".join(f", {one}" for one in said)


def _sizes_table(data: dict[str, Any]) -> Iterator[str]:
    published: dict[str, list[str]] = {}
    unexplained = []
    for one in data["explained"]:
        if not one["conventions"]:
            unexplained.append(f"{one['published']:,} {one['field']} ({one['source']}): by no convention known here")
        for name in one["conventions"]:
            published.setdefault(name, []).append(one["source"])
    for convention in data["conventions"]:
        yield f"  {convention['shown']:>15}  {convention['name']}"
        yield from _paragraph(convention["formula"], " " * 19)
        for source in published.get(convention["name"], []):
            yield from _paragraph(f"published: {source}", " " * 19)
    for line in unexplained:
        yield from _paragraph(line)


def _table(rows: list[tuple[str, ...]], *, right: int) -> Iterator[str]:
    """Columns as wide as they must be; those from ``right`` on end together."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if place >= right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join(cells)}".rstrip()


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.9g}" for value in values)

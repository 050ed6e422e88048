"""What is there: backends and model cards, as tables or JSON."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alexbench.backends.registry import REFERENCE, availability, backend_class, backend_names
from alexbench.harness.console.streams import console
from alexbench.harness.errors import AlexBenchError
from alexbench.harness.files.plain_text import json_text
from alexbench.harness.inputs.fetching import local_states
from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import ListDevices

Listing = list[dict[str, Any]]


def backend_list(*, with_devices: bool) -> Listing:
    """Every registered backend: installed versions or what to install; devices only on request, asked in workers."""
    entries: Listing = []
    for name in (*backend_names(), REFERENCE):
        found = availability(name)
        entry: dict[str, Any] = {
            "backend": name,
            "available": found.available,
            "versions": dict(found.versions),
            "layout": None if found.broken else backend_class(name).input_layout,
            "problem": found.problem,
        }
        if with_devices:
            entry["devices"] = _devices(name) if found.available else []
        entries.append(entry)
    return entries


def model_list() -> Listing:
    """Every packaged card: its network's size, what is published, and what of its weights is in the cache."""
    entries: Listing = []
    for name in card_names():
        card = load_card(name)
        network = card.build_network()
        entries.append(
            {
                "model": card.name,
                "network": card.network,
                "input": "x".join(map(str, network.input_shape)),
                "outputs": network.outputs,
                "parameters": network.parameters,
                "macs": network.macs,
                "gflops": network.flops / 1e9,
                "published": [{"source": one.source, "top1": one.top1, "top5": one.top5} for one in card.published],
                "weights here": local_states(card),
                "title": card.title,
            }
        )
    return entries


def print_listing(entries: Listing, *, as_json: bool) -> None:
    """To standard output. ``entries``, all with the same keys, are a row each."""
    if as_json:
        sys.stdout.write(json_text(entries) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown_on = console(width=None if sys.stdout.isatty() else 160)
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for key, value in entries[0].items():
        shown.add_column(key, justify="right" if isinstance(value, int | float) else "left", overflow="fold")
    for entry in entries:
        shown.add_row(*(_cell(value) for value in entry.values()))
    shown_on.print(shown)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {text}" for name, text in value.items())
    if isinstance(value, list):
        return "\n".join(f"{one['top1']:g} / {one['top5']:g}" if isinstance(one, dict) else str(one) for one in value)
    return str(value)


def _devices(name: str) -> list[str]:
    with TemporaryDirectory() as folder:
        try:
            with WorkerProcess(name, log=Path(folder) / "log") as worker:
                return list(worker.ask(ListDevices(name)).devices)
        except AlexBenchError as error:
            return [f"({error})"]

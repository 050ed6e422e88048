"""What an ablation begins with."""

from alexbench.harness.ablation.axes import grid_of
from alexbench.harness.models.card import load_card
from alexbench.harness.records.ablation_records import Axis
from alexbench.reports.ablation.answer import answer
from alexbench.reports.ablation.tables import markdown
from tests.support.ablations import ablation_of, cost

CARD = load_card("torchvision").preprocessing


def said(costs: dict[tuple[Axis, str], int], *, synthetic: bool = False) -> list[str]:
    grid = grid_of(CARD, ())
    return answer(ablation_of(grid, cost(grid, costs), synthetic=synthetic))


def test_what_costs_most_comes_first_then_the_costliest_level_of_each_axis() -> None:
    first, then, rest = said({("crop", "kept 288"): 20, ("channels", "BGR"): 80, ("interpolation", "nearest"): 40})
    assert first.startswith("Channels matter most: BGR costs 40.0 points of top-1 (95 % interval ")
    assert then == "Then interpolation nearest (-20.0 points), crop kept 288 (-10.0 points)."
    assert rest == "No effect shown on these 200 images: decoder, antialias."


def test_a_choice_that_is_better_than_the_cards_is_named() -> None:
    lines = said({("crop", "kept 288"): -20})
    assert lines[0] == "Better than the card's own choice: crop kept 288 (+10.0 points)."


def test_where_nothing_matters_that_is_the_answer() -> None:
    assert said({}) == ["No choice changes top-1 beyond chance on these 200 images."]


def test_synthetic_data_are_called_so_last() -> None:
    assert said({}, synthetic=True)[-1].startswith("Synthetic data")


def test_the_page_begins_with_it() -> None:
    grid = grid_of(CARD, ("channels",))
    found = ablation_of(grid, cost(grid, {("channels", "BGR"): 80}), synthetic=False)
    assert markdown(found, "map.svg").split("\n\n")[1].startswith("Channels matter most")

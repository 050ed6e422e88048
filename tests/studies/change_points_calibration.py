"""How often a change is seen where there is none, and where there is one: figures of docs/decisions/0015-history.md.

python tests/studies/change_points_calibration.py
"""

from collections.abc import Callable

import numpy as np

from alexbench.harness.judge.change_points import change_points

SERIES = 1000
NOISE = 0.015
"""Processes of one program deviate by 1.3 to 1.8 % (docs/decisions/0005-threads-and-ranks.md)."""
Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(stream: np.random.Generator, points: int) -> np.ndarray:
    return 10 * (1 + NOISE * stream.standard_normal(points))


def disturbed(stream: np.random.Generator, points: int) -> np.ndarray:
    """One point in ten is 5 to 30 % slower."""
    hit = stream.random(points) < 0.1
    return normal(stream, points) * np.where(hit, stream.uniform(1.05, 1.3, points), 1)


def drawn_twice(stream: np.random.Generator, points: int) -> np.ndarray:
    """Student's t with 3 degrees of freedom, of the same deviation."""
    return 10 * (1 + NOISE * stream.standard_t(3, points) / np.sqrt(3))


def main() -> None:
    print("| noise | points | false alarms, % of series | a step of 3 % found | of 5 % | of 10 % |")
    print("|---|---:|---:|---:|---:|---:|")
    kinds: dict[str, Draw] = {"normal": normal, "1 in 10 disturbed": disturbed, "t, 3 degrees": drawn_twice}
    for name, draw in kinds.items():
        for points in (10, 20, 50, 200):
            stream = np.random.default_rng(20261121)
            alarms = sum(bool(change_points(draw(stream, points).tolist())) for _ in range(SERIES))
            cells = [f"{100 * alarms / SERIES:.1f}"]
            for step in (1.03, 1.05, 1.10):
                found = 0
                for _ in range(SERIES // 2):
                    values = draw(stream, points)
                    values[points // 2 :] *= step
                    found += any(abs(one.index - points // 2) <= 2 for one in change_points(values.tolist()))
                cells.append(f"{200 * found / SERIES:.0f} %")
            print(f"| {name} | {points} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

"""Rounds: every task once in each, one at a time, in a fresh order; who fails is left out, and the rest go on."""

import threading
from collections import Counter

import pytest

from alexbench.harness.measure import rounds
from alexbench.harness.measure.rounds import PAUSE_S, Block, Measured, Plan, Task, TimeBlock, run_rounds

PLAN = Plan(rounds=12, discarded=2)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept, without sleeping."""
    pauses: list[float] = []
    monkeypatch.setattr(rounds.time, "sleep", pauses.append)
    return pauses


def task(name: str, batch_size: int = 1) -> Task:
    return Task(name, "SingleStream", batch_size)


class Stage:
    """Who was asked, and that nobody else was at work meanwhile."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self._lock = threading.Lock()

    def participant(self, name: str, *, fails_at: int | None = None) -> TimeBlock:
        """One that answers with its name's length and its turn, and raises at a turn."""

        def time_block() -> Measured:
            assert self._lock.acquire(blocking=False), "two at work at once"
            try:
                mine = self.turns.count(name)
                self.turns.append(name)
                if fails_at == mine:
                    raise RuntimeError(f"{name} broke")
                return Measured((mine, len(name)), images=1)
            finally:
                self._lock.release()

        return time_block


def run(
    stage: Stage, names: str, *, seed: int = 1, plan: Plan = PLAN, fails: dict[str, int] | None = None
) -> tuple[list[Block], list[tuple[int, int]], list[tuple[str, str]]]:
    """The blocks, the messages about rounds, and the messages about failures."""
    told: list[tuple[int, int]] = []
    failed: list[tuple[str, str]] = []
    blocks = run_rounds(
        {task(name): stage.participant(name, fails_at=(fails or {}).get(name)) for name in names},
        plan,
        seed=seed,
        on_round=lambda done, total: told.append((done, total)),
        on_failure=lambda name, error: failed.append((name, str(error))),
    )
    return blocks, told, failed


def test_everyone_has_one_turn_in_every_round() -> None:
    stage = Stage()
    run(stage, "abcd")
    turns = [stage.turns[first : first + 4] for first in range(0, len(stage.turns), 4)]
    assert len(turns) == PLAN.rounds + PLAN.discarded
    assert all(sorted(turn) == list("abcd") for turn in turns)


def test_the_order_is_fresh_in_each_round_and_everyone_goes_first_at_times() -> None:
    stage = Stage()
    run(stage, "abcd", plan=Plan(rounds=40, discarded=0))
    turns = ["".join(stage.turns[first : first + 4]) for first in range(0, len(stage.turns), 4)]
    assert len(set(turns)) > 10
    assert {turn[0] for turn in turns} == set("abcd")


def test_the_order_is_the_seeds_and_not_the_callers() -> None:
    first, again, reversed_, other = Stage(), Stage(), Stage(), Stage()
    run(first, "abcd")
    run(again, "abcd")
    run(reversed_, "dcba")
    run(other, "abcd", seed=2)
    assert first.turns == again.turns == reversed_.turns
    assert first.turns != other.turns


def test_rounds_that_settle_are_kept_and_marked() -> None:
    blocks, _, _ = run(Stage(), "ab")
    assert len(blocks) == 2 * (PLAN.discarded + PLAN.rounds)
    assert {block.round for block in blocks if not block.settled} == set(range(PLAN.discarded))
    for block in blocks:
        assert block.measured.ns == (block.round, 1)  # the turn it truly was


def test_progress_counts_the_discarded_rounds_too() -> None:
    _, told, _ = run(Stage(), "ab")
    total = PLAN.rounds + PLAN.discarded
    assert told == [(done, total) for done in range(1, total + 1)]


def test_who_fails_is_said_once_and_left_out_with_all_its_blocks() -> None:
    stage = Stage()
    blocks, _, failed = run(stage, "abc", fails={"b": 5})
    assert failed == [("b", "b broke")]
    assert stage.turns.count("b") == 6
    assert {block.task.participant for block in blocks} == {"a", "c"}
    assert len(blocks) == 2 * (PLAN.discarded + PLAN.rounds)


def test_one_that_fails_while_settling_is_left_out_too() -> None:
    stage = Stage()
    blocks, _, failed = run(stage, "ab", fails={"a": 0})
    assert [name for name, _ in failed] == ["a"]
    assert stage.turns.count("a") == 1
    assert {block.task.participant for block in blocks} == {"b"}


def test_when_all_fail_nothing_is_left() -> None:
    blocks, _, failed = run(Stage(), "ab", fails={"a": 3, "b": 4})
    assert blocks == []
    assert sorted(name for name, _ in failed) == ["a", "b"]
    assert run(Stage(), "")[0] == []


def test_all_tasks_of_one_that_fails_are_left_out() -> None:
    stage = Stage()
    tasks = {task("a", size): stage.participant(f"a{size}", fails_at=3 if size == 8 else None) for size in (1, 8)}
    failed: list[str] = []
    blocks = run_rounds(
        {**tasks, task("b"): stage.participant("b")},
        PLAN,
        seed=1,
        on_round=lambda *_: None,
        on_failure=lambda name, _: failed.append(name),
    )
    assert failed == ["a"]
    assert {block.task for block in blocks} == {task("b")}
    assert stage.turns.count("a1") in (3, 4)  # none after the failure, whoever came first in that round


def test_tasks_of_one_participant_are_turns_of_their_own() -> None:
    stage = Stage()
    tasks = {task("a", size): stage.participant(f"a{size}") for size in (1, 8)}
    run_rounds(tasks, PLAN, seed=1, on_round=lambda *_: None, on_failure=lambda *_: None)
    turns = [tuple(stage.turns[first : first + 2]) for first in range(0, len(stage.turns), 2)]
    assert Counter(map(frozenset, turns)) == {frozenset({"a1", "a8"}): PLAN.rounds + PLAN.discarded}
    assert len(set(turns)) == 2


def test_blocks_know_their_process() -> None:
    blocks = run_rounds(
        {task("a"): Stage().participant("a")},
        PLAN,
        seed=1,
        process=2,
        on_round=lambda *_: None,
        on_failure=lambda *_: None,
    )
    assert {block.process for block in blocks} == {2}


def test_ctrl_c_is_nobodys_failure() -> None:
    def interrupted() -> Measured:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_rounds({task("a"): interrupted}, PLAN, seed=1, on_round=lambda *_: None, on_failure=lambda *_: None)


def test_every_block_is_told_as_it_comes_not_settled_yet() -> None:
    told: list[Block] = []

    def interrupted() -> Measured:
        if len(told) == 5:
            raise KeyboardInterrupt
        return Measured((1,), 1)

    with pytest.raises(KeyboardInterrupt):
        run_rounds(
            {task("a"): interrupted},
            PLAN,
            seed=1,
            on_round=lambda *_: None,
            on_failure=lambda *_: None,
            on_block=told.append,
        )
    assert [(block.round, block.settled) for block in told] == [(number, False) for number in range(5)]


def test_there_is_a_pause_before_every_block(slept: list[float]) -> None:
    run(Stage(), "abc")
    assert slept == [PAUSE_S] * 3 * (PLAN.rounds + PLAN.discarded)
    assert PAUSE_S >= 0.06  # ONNX Runtime spins for 30 to 50 ms

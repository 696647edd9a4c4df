"""The benchmark in its shortest form: that it measures what it says and notices what was stored wrongly. No test
here looks at how fast anything is."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from bench import books, reconciliation, reference, report, scenarios, search, stored
from bench.load import Load
from bench.postings import postings
from bench.reference import Reference
from bench.replays import replays
from bench.report import Stages
from bench.room import Room, open_room
from bench.verdicts import verdicts

QUICK_BANK_SECONDS = (0.1, 0.3)


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with open_room() as room:
        yield room


@pytest.fixture(scope="module")
def script(room: Room) -> Reference:
    return reference.prepare(room)


@pytest.fixture
def shop(room: Room) -> tuple[str, str]:
    return room.new_merchant("A shop")


@pytest.fixture
def load(room: Room, shop: tuple[str, str]) -> Iterator[Load]:
    load = Load(room.port, shop[1])
    yield load
    load.close()


@pytest.fixture
def stages() -> Iterator[Stages]:
    with report.progress(Console(file=io.StringIO())) as stages:
        yield stages


def test_the_gateway_and_its_reference_in_turn(
    room: Room, load: Load, script: Reference, stages: Stages, shop: tuple[str, str]
) -> None:
    scenarios.warm_up(room, load, stages, seconds=1)
    found = scenarios.in_turn(room, load, script, stages, seconds=1, rounds=1)
    assert found["reference"].keys() == {"charges_per_second", "postgres_cpu_us_per_charge"}
    assert found["gateway_0ms"].keys() >= {
        "charges_per_second",
        "ratio_to_reference",
        "web_cpu_us_per_charge",
        "postgres_cpu_us_per_charge",
    }
    assert all(value > 0 for figures in found.values() for value in figures.values())
    assert load.answers and script.charges
    stored.check_answers(room, shop[0], load)
    stored.check_reference(room, script.merchant, script.charges)
    stored.check_books(room, all_ended=True)


def test_a_slow_bank_holds_up_nobody_else(
    room: Room, load: Load, stages: Stages, shop: tuple[str, str]
) -> None:
    figures = scenarios.slow_bank(
        room, load, stages, seconds=1, per_second=20, bank_seconds=QUICK_BANK_SECONDS
    )
    assert 0 < figures["share_of_arrivals"] <= 1.2
    assert figures["most_in_flight"] > 1
    assert {answer.bank_seconds >= QUICK_BANK_SECONDS[0] for answer in load.answers} == {True}
    # What the bank took is known exactly: it slept as long as it was told.
    assert min(answer.overhead_seconds for answer in load.answers) > 0
    stored.check_answers(room, shop[0], load)


def test_verdicts_are_measured_as_shipped_and_with_a_stock_of_rules_and_a_model(
    room: Room, stages: Stages
) -> None:
    figures = verdicts(room, stages, seconds=1)
    for name in ("shipped", "full"):
        assert 0 < figures[f"{name}_p50_us"] <= figures[f"{name}_p99_us"]
        assert 0 < figures[f"{name}_share_of_charges"] < 1
    with room.books() as books:
        (asked,) = books.execute(
            "SELECT jsonb_array_length(results) FROM risk_decision ORDER BY id DESC LIMIT 1"
        ).fetchall()
    assert asked[0] >= 20


def test_replays_are_measured_next_to_first_requests(
    room: Room, stages: Stages, shop: tuple[str, str]
) -> None:
    figures = replays(room, shop[1], stages, seconds=1)
    assert figures.keys() == {
        "replays_per_second",
        "ratio_to_first",
        "web_cpu_share_of_first",
        "layer_share_of_charge",
    }
    assert all(value > 0 for value in figures.values())


def test_an_answer_without_its_charge_is_noticed(room: Room, load: Load, shop: tuple[str, str]) -> None:
    load.keep_busy(in_flight=2, seconds=0.5)
    stored.check_answers(room, shop[0], load)
    load.answers.append(load.answers[-1]._replace(order=10**6))
    with pytest.raises(stored.WronglyStored, match="order 1000000 was answered with ch_"):
        stored.check_answers(room, shop[0], load)


def test_two_answers_that_were_swapped_are_noticed(room: Room, load: Load, shop: tuple[str, str]) -> None:
    load.keep_busy(in_flight=2, seconds=0.5)
    first, second = load.answers[:2]
    load.answers[:2] = first._replace(charge=second.charge), second._replace(charge=first.charge)
    with pytest.raises(stored.WronglyStored, match=f"order {first.order} "):
        stored.check_answers(room, shop[0], load)


def test_a_charge_that_nobody_was_told_of_is_noticed(room: Room, load: Load, shop: tuple[str, str]) -> None:
    load.keep_busy(in_flight=2, seconds=0.5)
    load.answers.pop()
    with pytest.raises(stored.WronglyStored, match="1 charges more than were answered"):
        stored.check_answers(room, shop[0], load)


def test_a_refused_charge_is_no_answer(room: Room) -> None:
    load = Load(room.port, "sk_test_" + "0" * 24)
    load.keep_busy(in_flight=2, seconds=0.2)
    load.close()
    assert not load.answers
    assert load.not_answered >= 2
    assert "Invalid API Key" in next(iter(load.refusals))


def test_postings_by_two_ways_are_counted_and_stored(room: Room, stages: Stages) -> None:
    figures = postings(room, stages, seconds=1, merchants=5, rounds=1, with_peer=False)
    assert figures.keys() == {
        *("pgbench_per_second", "pgbench_one_to_thousand", "post_per_second", "post_one_to_thousand"),
        "post_to_pgbench",
    }
    assert all(value > 0 for value in figures.values())
    stored.check_books(room, all_ended=False)


@pytest.mark.timeout(300)
def test_books_that_grow_tenfold_are_read_sealed_and_proven(room: Room, stages: Stages) -> None:
    found = books.grown(room, stages, entries=4_000)
    assert list(found) == ["books_400", "books_4000", "books_growth"]
    assert found["books_4000"].keys() == {
        *("balance_ms", "as_of_ms", "as_of_occurred_ms", "statement_ms", "statement_as_of_ms"),
        *("verified_entries_per_second", "verify_memory_mb", "seal_all_seconds"),
    }
    with room.with_books("books").books() as large:
        assert large.execute("SELECT count(*) FROM ledger_entry").fetchone() == (4_000,)


@pytest.mark.timeout(300)
def test_a_payment_is_found_by_whatever_is_known_of_it_in_books_of_two_sizes(
    room: Room, stages: Stages
) -> None:
    found = search.grown(room, stages, charges=2_000)
    assert list(found) == ["search_200", "search_2000", "search_growth"]
    assert found["search_2000"]["slowest_ms"] >= found["search_2000"]["last4_of_many_ms"] > 0


def test_results_are_a_list_of_scenario_metric_and_value(tmp_path: Path) -> None:
    report.write(tmp_path / "results.json", {"gateway_0ms": {"ratio_to_reference": 0.34567}})
    assert json.loads((tmp_path / "results.json").read_text()) == [
        {"scenario": "gateway_0ms", "metric": "ratio_to_reference", "value": 0.3457}
    ]


def test_reports_of_two_sizes_are_compared_whole(room: Room, stages: Stages) -> None:
    figures = reconciliation.in_turn(room, stages, sizes=(100, 300), loop=10)
    assert (figures["small_lines"], figures["lines"]) == (100, 300)
    assert all(value > 0 for value in figures.values())

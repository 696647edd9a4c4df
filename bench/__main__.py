"""`python -m bench`: how many charges per second the gateway takes, next to what its database alone could do,
whether a slow bank slows it down, what judging a payment takes of it, how many webhooks a worker sends, how fast the
ledger books, how fast large books are read and proven, how long the console takes to find a payment, and how fast
reports are compared. Exit code 1 when the database does not hold what was answered."""

import argparse
import resource
import sys
from pathlib import Path

from rich.console import Console

from bench import books, reconciliation, reference, report, scenarios, search, stored, webhooks
from bench.load import Load
from bench.postings import postings
from bench.replays import replays
from bench.room import Room, open_room
from bench.verdicts import NotFollowed, verdicts
from gateway.child import CannotStart

# They need no warm web process.
LEDGER = ("postings", "books", "search")
RESULTS = Path(__file__).with_name("results.json")
OPEN_FILES = 16_384
SCENARIOS = (
    *("reference", "gateway_0ms", "slow_bank_1000", "replays", "webhooks", "verdicts"),
    *("postings", "books", "reconciliation", "search"),
)


def main() -> int:
    options = _options()
    console = Console()
    _allow_many_connections()
    try:
        with report.progress(console) as stages:
            stages.stage("starting", 0)
            with open_room() as room:
                results = measure(room, stages, options)
    except (
        CannotStart,
        stored.WronglyStored,
        reconciliation.WronglyCompared,
        reference.Failed,
        NotFollowed,
    ) as error:
        console.print(f"{type(error).__name__}: {error}", markup=False, highlight=False, style="red")
        return 1
    report.show(console, results)
    report.write(options.output, results)
    return 0


def measure(room: Room, stages: report.Stages, options: argparse.Namespace) -> report.Results:
    """The figures, once what was answered has been compared with what is stored."""
    seconds, only = options.seconds, options.only
    results: dict[str, scenarios.Figures] = {}
    merchant, key = room.new_merchant("The bench")
    load = Load(room.port, key)
    script = reference.prepare(room)
    try:
        if only == "reference":
            results["reference"] = scenarios.references(script, stages, seconds=seconds)
        elif only not in LEDGER:
            scenarios.warm_up(room, load, stages)
        if only in (None, "gateway_0ms"):
            results |= scenarios.in_turn(room, load, script, stages, seconds=seconds)
        if only in (None, "slow_bank_1000"):
            results["slow_bank_1000"] = scenarios.slow_bank(room, load, stages, seconds=seconds)
        if only in (None, "replays"):
            results["replays"] = replays(room, room.new_merchant("Repeats")[1], stages, seconds=seconds)
        if only in (None, "webhooks"):
            results |= webhooks.in_turn(room, stages, seconds=seconds)
        # After all other charges: from here on every one is asked by many rules.
        if only in (None, "verdicts"):
            results["verdicts"] = verdicts(room, stages, seconds=seconds)
        if only in (None, "postings"):
            results["postings"] = postings(room, stages, seconds=seconds)
        if only in (None, "books"):
            results |= books.grown(room, stages, entries=options.entries)
        if only in (None, "search"):
            results |= search.grown(room, stages)
    finally:
        load.close()
    stages.stage("checking", 0)
    stored.check_reference(room, script.merchant, script.charges)
    stored.check_answers(room, merchant, load)
    stored.check_books(room, all_ended=not load.not_answered)
    # Last: its charges are in no ledger.
    if only in (None, "reconciliation"):
        results["reconciliation"] = reconciliation.in_turn(room, stages)
    for refusal, times in load.refusals.most_common(3):
        stages.console.print(f"{times} times: {refusal}", markup=False, highlight=False)
    return results


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--seconds", type=int, default=12, help="of each run; the slow bank's has twice as many"
    )
    parser.add_argument("--only", choices=SCENARIOS, help="gateway_0ms brings its reference with it")
    parser.add_argument("--entries", type=int, default=books.MOST_ENTRIES, help="of the largest books")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the file for the figures")
    return parser.parse_args()


def _allow_many_connections() -> None:
    """As many as the web processes may hold, in this process too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


if __name__ == "__main__":
    sys.exit(main())

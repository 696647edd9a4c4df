"""How long a delivery is tried."""

from datetime import UTC, datetime, timedelta

import pytest

from webhooks.schedule import (
    GIVE_UP_AFTER,
    MAX_RETRY_AFTER_SECONDS,
    PAUSES_SECONDS,
    next_attempt,
    retry_after_seconds,
)

FIRST_FAILURE = datetime(2026, 11, 20, tzinfo=UTC)
GIVE_UP_AT = FIRST_FAILURE + GIVE_UP_AFTER


def all_attempts() -> list[datetime]:
    attempts: list[datetime] = []
    now: datetime | None = FIRST_FAILURE
    while now is not None:
        attempts.append(now)
        now = next_attempt(failures=len(attempts), now=now, give_up_at=GIVE_UP_AT)
    return attempts


def test_attempts_spread_over_three_days_and_the_last_is_at_their_end() -> None:
    attempts = all_attempts()
    assert attempts[-1] == GIVE_UP_AT
    assert 12 <= len(attempts) <= 18
    assert sum(attempt < FIRST_FAILURE + timedelta(hours=2) for attempt in attempts) == 6


def test_pauses_grow_and_are_never_the_same_for_two() -> None:
    assert list(PAUSES_SECONDS) == sorted(PAUSES_SECONDS)
    seconds = {
        (next_attempt(failures=1, now=FIRST_FAILURE, give_up_at=GIVE_UP_AT) or FIRST_FAILURE).timestamp()
        - FIRST_FAILURE.timestamp()
        for _ in range(100)
    }
    assert len(seconds) > 90
    assert all(4 <= pause <= 6 for pause in seconds)


def test_the_end_is_the_end() -> None:
    assert next_attempt(failures=3, now=GIVE_UP_AT, give_up_at=GIVE_UP_AT) is None


def pause(failures: int, retry_after: float) -> float:
    again = next_attempt(
        failures=failures, now=FIRST_FAILURE, give_up_at=GIVE_UP_AT, retry_after_seconds=retry_after
    )
    assert again is not None
    return (again - FIRST_FAILURE).total_seconds()


def test_a_receiver_may_ask_for_a_longer_pause_within_bounds() -> None:
    assert pause(1, 90) == 90
    assert pause(1, 10**9) == MAX_RETRY_AFTER_SECONDS == 8 * 3_600
    assert pause(3, 1) >= 96, "not for a shorter one than the schedule's"
    near_the_end = GIVE_UP_AT - timedelta(seconds=60)
    assert (
        next_attempt(failures=1, now=near_the_end, give_up_at=GIVE_UP_AT, retry_after_seconds=3_600)
        == GIVE_UP_AT
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *((None, 0), ("", 0), ("soon", 0), ("-5", 0), ("1e3", 0), ("٣", 0), ("120", 120), (" 7 ", 7)),
        *(
            ("9" * 5_000, 999_999_999),
            ("Fri, 20 Nov 2026 00:02:00 GMT", 120),
            ("Fri, 20 Nov 2020 00:02:00 GMT", 0),
        ),
        *(("Fri, 20 Nov 2026 00:02:00 -0000", 120), ("Fri, 99 Nov 2026 00:02:00 GMT", 0)),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header, now=FIRST_FAILURE) == seconds

"""How long a delivery is tried."""

from datetime import UTC, datetime, timedelta

from webhooks.schedule import GIVE_UP_AFTER, PAUSES_SECONDS, next_attempt

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

"""How much of the sender one endpoint may take."""

from webhooks.windows import AFTER_FAILURE, FIRST, MOST, Windows


def room(windows: Windows, endpoint: int) -> int:
    return {known: more for known, more, _ in windows.rooms()}.get(endpoint, FIRST)


def test_success_widens_and_a_failure_leaves_one() -> None:
    windows = Windows()
    for _ in range(10):
        windows.learn(1, succeeded=True)
    assert room(windows, 1) == MOST
    windows.learn(1, succeeded=False)
    assert room(windows, 1) == AFTER_FAILURE == 1
    assert room(windows, 2) == FIRST


def test_what_is_under_way_takes_room_until_it_ends() -> None:
    windows = Windows()
    for _ in range(FIRST + 1):
        windows.begin(1)
    assert room(windows, 1) == 0
    assert windows.under_way == FIRST + 1
    for _ in range(FIRST + 1):
        windows.end(1)
    assert windows.rooms() == [] and windows.under_way == 0

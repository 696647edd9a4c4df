"""A day by the hour next to the same day of last week, as plain SVG: bars and a line, in the page's own colours."""

from dataclasses import dataclass

WIDTH, HEIGHT, FOOT = 480, 150, 18
HOURS = 24
GAP = 3


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    line: str
    labels: list[tuple[float, str]]
    most: int
    words: str
    width: int = WIDTH
    height: int = HEIGHT + FOOT
    ground: int = HEIGHT


def by_hour(today: dict[int, int], before: dict[int, int], *, until: int) -> Chart:
    """Numbers by the hour of the day; of today up to the hour that runs."""
    most = max([*today.values(), *before.values(), 1])
    step = WIDTH / HOURS

    def y(number: int) -> float:
        return round(HEIGHT - number * (HEIGHT - 8) / most, 1)

    bars = [
        Bar(
            x=round(hour * step + GAP / 2, 1),
            y=y(today.get(hour, 0)),
            width=round(step - GAP, 1),
            height=round(HEIGHT - y(today.get(hour, 0)), 1),
            words=f"{hour:02}:00 to {hour + 1:02}:00: {today.get(hour, 0)} today, {before.get(hour, 0)} last week",
        )
        for hour in range(until + 1)
    ]
    points = [f"{round((hour + 0.5) * step, 1)},{y(before.get(hour, 0))}" for hour in range(HOURS)]
    labels = [(round(hour * step, 1), f"{hour:02}:00") for hour in range(0, HOURS, 6)]
    words = f"{sum(today.values())} today, {sum(before.values())} on the same day last week, by the hour."
    return Chart(bars, " ".join(points), labels, most, words)

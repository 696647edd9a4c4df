"""What a model is worth, as plain SVG in the page's own colours: what each score catches, and whether its word can be
taken for a share. Pure."""

from dataclasses import dataclass

from risk.evaluation import SCORES, Evaluation

WIDTH, HEIGHT, FOOT = 640, 160, 18
TOP = 10
LABELS = (0, 25, 50, 75, 99)


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`lines` are the points of polylines, `labels` stand below."""

    words: str
    labels: list[tuple[float, str]]
    lines: list[str]
    bars: list[Bar]
    most: str
    width: int = WIDTH
    height: int = HEIGHT + FOOT
    ground: int = HEIGHT


def by_limit(evaluation: Evaluation) -> Chart:
    """By the score from which on payments are stopped: the share of them that is fraud, and of all fraud. Ends where
    nothing has a higher score."""
    highest = max((n for n in range(SCORES) if evaluation.good[n] or evaluation.fraud[n]), default=0)
    limits = range(highest + 1)
    caught = [_point(limit, evaluation.recall(limit)) for limit in limits]
    right = [_point(limit, evaluation.precision(limit)) for limit in limits]
    return Chart(
        words=f"Precision and recall by score, of {evaluation.payments} payments.",
        labels=[(_x(score), str(score)) for score in LABELS],
        lines=[" ".join(right), " ".join(caught)],
        bars=[],
        most="100 %",
    )


def calibration(evaluation: Evaluation) -> Chart:
    """By score, in tens: the share that was fraud, and the one that the score says."""
    bins = evaluation.bins()
    step = WIDTH / 10
    bars = [
        Bar(
            x=round(bin_.first / 10 * step + 4, 1),
            y=_y(bin_.was),
            width=round(step - 8, 1),
            height=round(HEIGHT - _y(bin_.was), 1),
            words=f"Score {bin_.first} to {bin_.last}: {bin_.payments} payments, {bin_.was:.1%} fraud, "
            f"{bin_.said:.1%} by their scores",
        )
        for bin_ in bins
    ]
    said = [f"{round((bin_.first / 10 + 0.5) * step, 1)},{_y(bin_.said)}" for bin_ in bins]
    return Chart(
        words="Share of fraud by score, as it was and as the scores say.",
        labels=[(round(bin_.first / 10 * step + 4, 1), f"{bin_.first}–{bin_.last}") for bin_ in bins],
        lines=[" ".join(said)],
        bars=bars,
        most="100 %",
    )


def _point(score: int, share: float) -> str:
    return f"{_x(score)},{_y(share)}"


def _x(score: int) -> float:
    return round(score * (WIDTH - 24) / (SCORES - 1), 1)


def _y(share: float) -> float:
    return round(HEIGHT - share * (HEIGHT - TOP), 1)

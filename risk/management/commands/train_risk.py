"""`manage.py train_risk`: learns from the gateway's own history what fraud looks like."""

from argparse import ArgumentParser
from importlib import import_module
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from risk.evaluation import Evaluation
from risk.lessons import MATURE_DAYS, Lesson, mature, read_lessons
from risk.models import ScoreModel

INSTALL = (
    "Training needs scikit-learn, which is used nowhere else: "
    "pip install --require-hashes -r requirements-train.txt"
)
LIMITS = (5, 10, 25, 50, 75)


class Command(BaseCommand):
    help = (
        "Trains a score model on past decisions, disputes and refunds for fraud, and prints what it is worth on "
        "payments that came later. It is asked by nobody before somebody brings it into use in the console."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mode", choices=["live", "test"], default="live")
        parser.add_argument(
            "--mature-days",
            type=int,
            default=MATURE_DAYS,
            metavar="DAYS",
            help="how old a payment must be to count as good where nobody complained; default: %(default)s",
        )

    def handle(self, *args: Any, mode: str, mature_days: int, **options: Any) -> None:
        if not 1 <= mature_days <= 365:
            raise CommandError(f"--mature-days is from 1 to 365, not {mature_days}.")
        try:
            training = import_module("risk.services.training")
        except ModuleNotFoundError as error:
            if error.name not in ("sklearn", "numpy"):
                raise
            raise CommandError(INSTALL) from error
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True)
        livemode, now = mode == "live", timezone.now()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
            lessons = _read(shown, livemode, now, mature_days)
            task = shown.add_task("trees", total=2 * training.fitting.TREES)
            try:
                model = training.train(
                    lessons,
                    livemode=livemode,
                    now=now,
                    days=mature_days,
                    actor="manage.py train_risk",
                    progress=lambda: shown.advance(task),
                )
            except training.NotEnoughHistory as error:
                raise CommandError(f"No model of {mode} mode was trained. {error}") from error
        evaluation = Evaluation.of(model.evaluation)
        console.print(_table(evaluation))
        console.print(_told(model, evaluation), markup=False, highlight=False)


def _read(shown: Progress, livemode: bool, now: Any, days: int) -> list[Lesson]:
    decisions = mature(livemode, now=now, days=days)
    task = shown.add_task("decisions", total=decisions.count())
    return read_lessons(decisions, progress=lambda number: shown.advance(task, number))


def _table(evaluation: Evaluation) -> Table:
    table = Table(title="On later payments", title_justify="left")
    for header in ("score from", "of these fraud", "of all fraud", "of good ones"):
        table.add_column(header, justify="right")
    for limit in LIMITS:
        shares = (evaluation.precision(limit), evaluation.recall(limit), evaluation.stopped(limit))
        table.add_row(str(limit), *(f"{share:.1%}" for share in shares))
    return table


def _told(model: ScoreModel, evaluation: Evaluation) -> str:
    return (
        f"{evaluation.words()}\n"
        f"{model} has learned from {model.payments:,} payments, {model.frauds:,} of them fraud. Nobody asks it yet: "
        "bring it into use in the console, under Risk, Score models."
    )

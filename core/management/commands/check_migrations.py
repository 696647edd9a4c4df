"""`check_migrations`: do the migrations say what the models say? `makemigrations --check` without a database,
which it would wait for in vain on a machine that runs none."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState


class Command(BaseCommand):
    help = "Fails when a model was changed without a migration, or when two migrations claim the same place."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        loader = MigrationLoader(None, ignore_no_migrations=True)
        if conflicts := loader.detect_conflicts():
            raise CommandError(f"Several migrations claim to be the last: {conflicts}")
        models = ProjectState.from_apps(apps)
        changes = MigrationAutodetector(loader.project_state(), models).changes(graph=loader.graph)
        missing = [
            f"{app}: {operation.describe()}"
            for app, migrations in changes.items()
            for migration in migrations
            for operation in migration.operations
        ]
        if missing:
            raise CommandError("Migrations are missing:\n" + "\n".join(missing))
        self.stdout.write("Migrations and models agree.")

"""Migration operations that make PostgreSQL itself refuse what must never happen to a table."""

from collections.abc import Iterable

from django.db.migrations.operations import RunSQL


def append_only(table: str) -> RunSQL:
    """UPDATE, DELETE and TRUNCATE of the table are refused, whoever asks."""
    return RunSQL(
        sql=f"""
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
            CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
        """,
        reverse_sql=f"""
            DROP TRIGGER append_only_whole ON {table};
            DROP TRIGGER append_only ON {table};
        """,
    )


def analyzed_late(*tables: str) -> RunSQL:
    """Statistics of a table that still fits in a page make PostgreSQL plan scans of the whole table, and sessions
    keep such plans while the table grows. Without statistics it plans by index, so they come when there is
    something to count."""
    return RunSQL(
        "".join(f"ALTER TABLE {table} SET (autovacuum_analyze_threshold = 5000);" for table in tables),
        "".join(f"ALTER TABLE {table} RESET (autovacuum_analyze_threshold);" for table in tables),
    )


def forward_only(
    table: str, *, births: Iterable[str], moves: Iterable[tuple[str, str]], frozen: Iterable[str] = ()
) -> RunSQL:
    """Rows are born in one of `births`, change `state` only along `moves`, keep their `frozen` columns, and
    stay: DELETE and TRUNCATE are refused. Replaces what an earlier migration said of the table."""
    born = ", ".join(f"'{state}'" for state in births)
    pairs = ", ".join(f"('{old}', '{new}')" for old, new in moves)
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in frozen)
    freeze = (
        f"""CREATE TRIGGER frozen BEFORE UPDATE ON {table} FOR EACH ROW
            WHEN ({changed}) EXECUTE FUNCTION core_refuse_change();"""
        if changed
        else ""
    )
    return RunSQL(
        sql=f"""
            DROP TRIGGER IF EXISTS frozen ON {table};
            DROP TRIGGER IF EXISTS kept_whole ON {table};
            DROP TRIGGER IF EXISTS kept ON {table};
            DROP TRIGGER IF EXISTS state_forward ON {table};
            DROP TRIGGER IF EXISTS state_birth ON {table};
            CREATE TRIGGER state_birth BEFORE INSERT ON {table} FOR EACH ROW
                WHEN (NEW.state NOT IN ({born})) EXECUTE FUNCTION core_refuse_state();
            CREATE TRIGGER state_forward BEFORE UPDATE ON {table} FOR EACH ROW
                WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({pairs}))
                EXECUTE FUNCTION core_refuse_state();
            CREATE TRIGGER kept BEFORE DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
            CREATE TRIGGER kept_whole BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
            {freeze}
        """,
        reverse_sql=f"""
            DROP TRIGGER IF EXISTS frozen ON {table};
            DROP TRIGGER kept_whole ON {table};
            DROP TRIGGER kept ON {table};
            DROP TRIGGER state_forward ON {table};
            DROP TRIGGER state_birth ON {table};
        """,
    )

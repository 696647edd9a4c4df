"""Migration operations that make PostgreSQL itself refuse what must never happen to a table.

What they cost is paid by every row. PostgreSQL reads a trigger's WHEN from its text anew in each statement, but
keeps a function compiled for the session: so conditions that every row must pass are in functions, and WHEN is
left to triggers that a column list keeps out of the common statements.
"""

from collections.abc import Iterable

from django.db.migrations.operations import RunSQL


class Rule(RunSQL):
    """What `forward_only` says of a table. Of two, the later one holds; it does not bring the earlier one back
    when it is undone: a migration that may be undone alone ends with `again` of what was there before."""

    def again(self) -> RunSQL:
        """The rule as it is written today, forward and backward."""
        return RunSQL(self.sql, self.sql)


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


def trigger_function(name: str, body: str) -> str:
    """SQL that makes or replaces a trigger function; see `in_this_schema`."""
    return in_this_schema(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
    )


def in_this_schema(sql: str) -> str:
    """The same statement, where `here.some_table` is the table of the schema that is migrated: a caller's temporary
    table or search_path can not stand in for it."""
    return f"""
        DO $make$ BEGIN EXECUTE replace($function$
            {sql}
        $function$, 'here.', quote_ident(current_schema()) || '.'); END $make$;
    """


def reworded(table: str, constraint: str, *, was: str, now: str) -> RunSQL:
    """Says a CHECK in fewer words: PostgreSQL reads its text anew in each statement that writes to the table. Both
    texts are the same rule, so the model keeps its own words."""

    def said(words: str) -> str:
        return f"""
            ALTER TABLE {table} DROP CONSTRAINT {constraint};
            ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({words});
        """

    return RunSQL(said(now), said(was))


def columns_stay(table: str, columns: Iterable[str]) -> str:
    """SQL of a trigger that keeps the id and `columns` as they are; only statements that set one of them ask it.
    Replaces what an earlier migration said of the table."""
    names = ("id", *columns)
    changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in names)
    return f"""
        DROP TRIGGER IF EXISTS frozen ON {table};
        CREATE TRIGGER frozen BEFORE UPDATE OF {", ".join(names)} ON {table}
            FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION core_refuse_change();
    """


def forward_only(
    table: str, *, births: Iterable[str], moves: Iterable[tuple[str, str]], frozen: Iterable[str] = ()
) -> Rule:
    """Rows are born in one of `births`, change `state` only along `moves`, keep their id and their `frozen`
    columns, and stay: DELETE and TRUNCATE are refused. Replaces what an earlier migration said of the table."""
    return Rule(
        sql=f"""
            {_forward(table, births, moves)}
            {columns_stay(table, frozen)}
            DROP TRIGGER IF EXISTS kept_whole ON {table};
            DROP TRIGGER IF EXISTS kept ON {table};
            CREATE TRIGGER kept BEFORE DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
            CREATE TRIGGER kept_whole BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
        """,
        reverse_sql=f"""
            DROP TRIGGER IF EXISTS kept_whole ON {table};
            DROP TRIGGER IF EXISTS kept ON {table};
            DROP TRIGGER IF EXISTS frozen ON {table};
            DROP TRIGGER IF EXISTS state_forward ON {table};
            DROP TRIGGER IF EXISTS state_birth ON {table};
            DROP FUNCTION IF EXISTS {table}_forward();
        """,
    )


def _forward(table: str, births: Iterable[str], moves: Iterable[tuple[str, str]]) -> str:
    """At its birth a row has no OLD, so births are moves from nothing."""
    allowed = [("", state) for state in births] + list(moves)
    steps = ", ".join(f"'{old}>{new}'" for old, new in allowed)
    function = trigger_function(
        f"{table}_forward",
        f"""
        BEGIN
            IF coalesce(OLD.state, '') || '>' || NEW.state IN ({steps}) THEN
                RETURN NEW;
            ELSIF TG_OP = 'INSERT' THEN
                RAISE EXCEPTION '% can not be born in state %', TG_TABLE_NAME, NEW.state
                    USING ERRCODE = 'check_violation';
            ELSIF NEW.state <> OLD.state THEN
                RAISE EXCEPTION '% % can not move from % to %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        """,
    )
    return f"""
        {function}
        DROP TRIGGER IF EXISTS state_birth ON {table};
        DROP TRIGGER IF EXISTS state_forward ON {table};
        CREATE TRIGGER state_forward BEFORE INSERT OR UPDATE OF state ON {table}
            FOR EACH ROW EXECUTE FUNCTION {table}_forward();
    """

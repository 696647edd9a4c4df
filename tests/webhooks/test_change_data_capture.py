"""What docs/events-stream.md tells Debezium is what the database has: its router reads the topic's column as text and
takes the others as they are, and a publication decides what it gets."""

import re

from django.conf import settings

from tests.conftest import Books


def page() -> str:
    return (settings.BASE_DIR / "docs" / "events-stream.md").read_text()


def test_the_columns_that_the_router_is_told_of_are_there(books: Books) -> None:
    told = dict(re.findall(r"^transforms\.outbox\.([\w.]+)=(.+)$", page(), re.MULTILINE))
    assert set(told) == {
        "type",
        "table.field.event.id",
        "table.field.event.key",
        "table.field.event.payload",
        "route.by.field",
        "route.topic.regex",
        "route.topic.replacement",
        "table.fields.additional.placement",
    }
    with books.superuser() as raw:
        columns: dict[str, str] = dict(
            raw.execute(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_name = 'webhooks_event'"
            ).fetchall()
        )
    placed = [one.split(":")[0] for one in told["table.fields.additional.placement"].split(",")]
    assert columns[told["route.by.field"]] == "text", "of another type it is refused"
    assert columns[told["table.field.event.payload"]] == "jsonb"
    for column in (told["table.field.event.id"], told["table.field.event.key"]):
        assert columns[column] == "text"
    assert set(placed) <= columns.keys()


def test_a_publication_has_one_mode(books: Books) -> None:
    statements = re.findall(r"^(CREATE PUBLICATION .+?;)$", page(), re.MULTILINE | re.DOTALL)
    with books.superuser() as raw:
        raw.execute("SET client_min_messages = error")  # wal_level is not logical here
        for statement in statements:
            raw.execute(statement)
        found: dict[str, str] = dict(
            raw.execute("SELECT pubname, rowfilter FROM pg_publication_tables").fetchall()
        )
    assert found == {"tollgate_live": "livemode", "tollgate_test": "(NOT livemode)"}
    assert re.findall(r"^publication\.name=(\w+)$", page(), re.MULTILINE) == ["tollgate_live"]


def test_the_view_has_the_routers_own_names(books: Books) -> None:
    with books.superuser() as raw:
        columns = raw.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'webhooks_event_stream'"
        ).fetchall()
    assert {"id", "aggregatetype", "aggregateid", "type", "payload"} <= {name for (name,) in columns}

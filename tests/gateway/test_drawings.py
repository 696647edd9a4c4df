"""The drawings in docs are those of the code."""

from django.conf import settings

from gateway.management.commands.draw_states import states_page


def test_the_page_of_states_is_in_step_with_the_models() -> None:
    written = (settings.BASE_DIR / "docs" / "states.md").read_text()
    assert written == states_page(), "run `manage.py draw_states`"

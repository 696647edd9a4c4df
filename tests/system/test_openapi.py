"""Requests made up from the OpenAPI document, good and bad ones: no answer is a 5xx, and none is another than it
says. The long form is `make fuzz-api`."""

from pathlib import Path

from merchants.services import NewMerchant
from tests.openapi.fuzzing import fuzz
from tests.support.processes import System


def test_made_up_requests_get_the_answers_that_the_document_tells_of(
    system: System, shop: NewMerchant, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    code = fuzz(system.web.url, shop.keys["sk_test"], examples=5, seed=1, report=report, phases="fuzzing")
    assert code == 0, report.read_text()[-8_000:]

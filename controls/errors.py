"""Why something can't be approved."""

from core.errors import InvalidRequest


class ApprovalRefused(InvalidRequest):
    """Nothing was decided."""


class SamePerson(ApprovalRefused):
    def __init__(self, approval: str) -> None:
        super().__init__(f"{approval} was asked for by you: somebody else decides.")


class NotOpen(ApprovalRefused):
    def __init__(self, approval: str, state: str) -> None:
        super().__init__(f"{approval} is {state} already.")


class OtherRequest(ApprovalRefused):
    def __init__(self) -> None:
        super().__init__("This form asked for something else before. Open it again.")

"""The evidence of a dispute as it is kept: texts in its row, files in rows of their own."""

from collections.abc import Mapping

from payments.attempts import Actor
from payments.errors import DisputeRefused
from payments.evidence import (
    FILES,
    KINDS_IN_WORDS,
    MOST_FILE_BYTES,
    MOST_TEXT,
    NewFile,
    holds_card_number,
    kind_of,
)
from payments.models import Dispute, EvidenceFile
from processors.protocol import EvidenceDocument

LONGEST_NAME = 100


def with_evidence(
    dispute: Dispute, texts: Mapping[str, str], files: Mapping[str, NewFile], actor: Actor
) -> dict[str, str]:
    """All evidence there is with the new texts and files, which are kept; inside the caller's transaction, under the
    dispute's lock. DisputeRefused."""
    _check_texts(dispute, texts)
    handed_in = {name: _keep(dispute, name, file, actor).public_id for name, file in files.items()}
    kept = {name: text for name, text in {**dispute.evidence, **texts, **handed_in}.items() if text}
    size = sum(len(text) for name, text in kept.items() if name not in FILES)
    if size > MOST_TEXT:
        raise DisputeRefused(
            f"All evidence together can have at most {MOST_TEXT:,} characters; this is {size:,}.",
            param="evidence",
        )
    _check_sizes(dispute, kept)
    return kept


def documents_of(dispute: Dispute) -> dict[str, EvidenceDocument]:
    """The files that count, by the names of their fields."""
    chosen = {dispute.evidence[name]: name for name in FILES if dispute.evidence.get(name)}
    if not chosen:
        return {}
    return {
        chosen[file.public_id]: EvidenceDocument(
            file.public_id, file.name, file.content_type, bytes(file.content)
        )
        for file in dispute.files.filter(public_id__in=chosen)
    }


def _check_texts(dispute: Dispute, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        if name in FILES and text and not dispute.files.filter(public_id=text).exists():
            raise DisputeRefused(
                f"No such file of {dispute.public_id}: {text[:60]}. Files are handed in at the console.",
                param=f"evidence[{name}]",
            )
        if holds_card_number(name, text):
            raise DisputeRefused(
                "That holds what looks like a card number, which is kept nowhere. Leave it out, or write "
                "its last four digits only.",
                param=f"evidence[{name}]",
            )


def _keep(dispute: Dispute, field: str, file: NewFile, actor: Actor) -> EvidenceFile:
    kind = kind_of(file.content)
    if kind is None:
        raise DisputeRefused(
            f"{file.name} is no {KINDS_IN_WORDS}, whatever its name says.", param=f"evidence[{field}]"
        )
    if len(file.content) > MOST_FILE_BYTES:
        raise _too_large(len(file.content), f"evidence[{field}]")
    return EvidenceFile.objects.create(
        dispute=dispute,
        field=field,
        name=file.name[-LONGEST_NAME:],
        content_type=kind,
        content=file.content,
        size=len(file.content),
        actor=actor.name,
    )


def _check_sizes(dispute: Dispute, kept: Mapping[str, str]) -> None:
    chosen = [kept[name] for name in FILES if kept.get(name)]
    size = sum(dispute.files.filter(public_id__in=chosen).values_list("size", flat=True)) if chosen else 0
    if size > MOST_FILE_BYTES:
        raise _too_large(size, "evidence")


def _too_large(size: int, param: str) -> DisputeRefused:
    return DisputeRefused(
        f"All files together can have at most {MOST_FILE_BYTES:,} bytes; these are {size:,}.", param=param
    )

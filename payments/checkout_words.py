"""What the checkout page says, in the languages that it speaks. Pure."""

from collections.abc import Iterable

WORDS = {
    "en": {
        "pay_to": "Pay",
        "title": "Payment to {merchant}",
        "test_mode": "Test mode",
        "test_hint": "No money moves here. Pay with 4242 4242 4242 4242, any future date and any code.",
        "items": "What you pay for",
        "total": "Total",
        "card": "Pay by card",
        "email": "Email for your receipt",
        "optional": "optional",
        "name": "Name on the card",
        "pay": "Pay {amount}",
        "hold": "Reserve {amount}",
        "paying": "Your bank is being asked …",
        "safe": "{merchant} does not see your card number.",
        "back": "Back to {merchant}",
        "no_script": "This page needs JavaScript to take your card safely.",
        "no_fields": "The card fields could not be loaded. Please reload the page.",
        "lost": "The connection was lost. We are looking at what became of your payment …",
        "busy": "We can't take payments at the moment. Nothing was taken. Please try again.",
        "failed": "Your payment was not made. Nothing was taken. Please try again or use another card.",
        "paid": "Thank you",
        "paid_text": "Your payment of {amount} to {merchant} was made. You may close this page.",
        "processing": "We are waiting for your bank",
        "processing_text": "Please do not pay again. This page shows how it went as soon as your bank has answered.",
        "action": "Your bank wants to hear from you",
        "action_text": "It asks you to confirm this payment. Nothing was taken yet.",
        "to_bank": "Continue to your bank",
        "over": "This page is not open any more",
        "over_text": "Nothing was taken here. Please go back to the shop and begin anew.",
        "too_many": "Too many cards were tried",
        "too_many_text": "Nothing was taken. Please go back to the shop and begin anew.",
        "unknown": "This address leads nowhere",
        "unknown_text": "Please go back to the shop that you came from.",
    },
    "de": {
        "pay_to": "Zahlung an",
        "title": "Zahlung an {merchant}",
        "test_mode": "Testmodus",
        "test_hint": "Hier fließt kein Geld. Zahlen Sie mit 4242 4242 4242 4242, einem künftigen Datum und "
        "irgendeiner Prüfnummer.",
        "items": "Was Sie bezahlen",
        "total": "Summe",
        "card": "Mit Karte zahlen",
        "email": "E-Mail für Ihren Beleg",
        "optional": "freiwillig",
        "name": "Name auf der Karte",
        "pay": "{amount} zahlen",
        "hold": "{amount} reservieren",
        "paying": "Ihre Bank wird gefragt …",
        "safe": "{merchant} sieht Ihre Kartennummer nicht.",
        "back": "Zurück zu {merchant}",
        "no_script": "Diese Seite braucht JavaScript, um Ihre Karte sicher entgegenzunehmen.",
        "no_fields": "Die Kartenfelder konnten nicht geladen werden. Bitte laden Sie die Seite neu.",
        "lost": "Die Verbindung wurde unterbrochen. Wir sehen nach, was aus Ihrer Zahlung wurde …",
        "busy": "Zurzeit sind keine Zahlungen möglich. Es wurde nichts abgebucht. Bitte versuchen Sie es später "
        "noch einmal.",
        "failed": "Ihre Zahlung kam nicht zustande. Es wurde nichts abgebucht. Bitte versuchen Sie es noch einmal "
        "oder mit einer anderen Karte.",
        "paid": "Vielen Dank",
        "paid_text": "Ihre Zahlung von {amount} an {merchant} ist erfolgt. Sie können diese Seite schließen.",
        "processing": "Wir warten auf Ihre Bank",
        "processing_text": "Bitte zahlen Sie nicht noch einmal. Sobald Ihre Bank geantwortet hat, steht es hier.",
        "action": "Ihre Bank möchte von Ihnen hören",
        "action_text": "Sie bittet Sie, diese Zahlung zu bestätigen. Noch wurde nichts abgebucht.",
        "to_bank": "Weiter zu Ihrer Bank",
        "over": "Diese Seite ist nicht mehr offen",
        "over_text": "Hier wurde nichts abgebucht. Bitte gehen Sie zurück zum Shop und beginnen Sie von vorn.",
        "too_many": "Es wurden zu viele Karten versucht",
        "too_many_text": "Es wurde nichts abgebucht. Bitte gehen Sie zurück zum Shop und beginnen Sie von vorn.",
        "unknown": "Diese Adresse führt nirgendwohin",
        "unknown_text": "Bitte gehen Sie zurück zum Shop, von dem Sie kamen.",
    },
}
# Why a card was not taken, by decline code or code; anything else reads as the first line.
DECLINES = {
    "en": {
        "generic_decline": "Your card was declined. Please use another card or ask your bank.",
        "insufficient_funds": "Your card has insufficient funds. Please use another card.",
        "expired_card": "Your card has expired. Please use another card.",
        "incorrect_cvc": "The security code is not the right one. Please check it.",
        "processing_error": "A technical error came in between. Nothing was taken. Please try again.",
        "payment_intent_authentication_failure": "Your bank could not confirm that it was you. Nothing was taken. "
        "Please try again or use another card.",
    },
    "de": {
        "generic_decline": "Ihre Karte wurde abgelehnt. Bitte verwenden Sie eine andere oder fragen Sie Ihre Bank.",
        "insufficient_funds": "Ihre Karte ist nicht gedeckt. Bitte verwenden Sie eine andere.",
        "expired_card": "Ihre Karte ist abgelaufen. Bitte verwenden Sie eine andere.",
        "incorrect_cvc": "Die Prüfnummer stimmt nicht. Bitte sehen Sie noch einmal nach.",
        "processing_error": "Ein technischer Fehler kam dazwischen. Es wurde nichts abgebucht. Bitte versuchen Sie "
        "es noch einmal.",
        "payment_intent_authentication_failure": "Ihre Bank konnte nicht bestätigen, dass Sie es sind. Es wurde "
        "nichts abgebucht. Bitte versuchen Sie es noch einmal oder mit einer anderen Karte.",
    },
}
LANGUAGES = tuple(WORDS)
DEFAULT = "en"


def language_of(asked: str, accepted: Iterable[str]) -> str:
    """The language asked for, else the first accepted that we speak, else English."""
    for tag in (asked, *accepted):
        if (language := tag.lower().partition("-")[0]) in WORDS:
            return language
    return DEFAULT


def words(language: str, **given: str) -> dict[str, str]:
    """All of them, with the amount and the merchant filled in."""
    return {name: text.format_map(given) for name, text in WORDS[language].items()}


def declined(language: str, *codes: str) -> str:
    """By the first code that has words of its own."""
    known = DECLINES[language]
    return next((known[code] for code in codes if code in known), known["generic_decline"])

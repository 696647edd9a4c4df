// What the fields say, in the languages that they speak.

const WORDS = {
  en: {
    title: "Card details",
    number: "Card number",
    expiry: "Expiry date",
    expiry_hint: "MM / YY",
    cvc: "Security code",
    incomplete_number: "Your card number is incomplete.",
    incomplete_expiry: "Your card's expiry date is incomplete.",
    incomplete_cvc: "Your card's security code is incomplete.",
    invalid_number: "Your card number is not valid.",
    invalid_expiry_month: "This month does not exist.",
    invalid_expiry_year: "Your card's expiry year is not valid.",
    invalid_expiry_past: "Your card has expired.",
    invalid_cvc: "Your card's security code is not valid.",
    card_declined: "This card can't be used here.",
    connection: "The connection was lost. Please try again.",
    failed: "Your card could not be taken. Please try again.",
  },
  de: {
    title: "Kartendaten",
    number: "Kartennummer",
    expiry: "Gültig bis",
    expiry_hint: "MM / JJ",
    cvc: "Prüfnummer",
    incomplete_number: "Die Kartennummer ist unvollständig.",
    incomplete_expiry: "Das Ablaufdatum ist unvollständig.",
    incomplete_cvc: "Die Prüfnummer ist unvollständig.",
    invalid_number: "Die Kartennummer ist nicht gültig.",
    invalid_expiry_month: "Diesen Monat gibt es nicht.",
    invalid_expiry_year: "Das Ablaufjahr ist nicht gültig.",
    invalid_expiry_past: "Ihre Karte ist abgelaufen.",
    invalid_cvc: "Die Prüfnummer ist nicht gültig.",
    card_declined: "Diese Karte kann hier nicht verwendet werden.",
    connection: "Die Verbindung wurde unterbrochen. Bitte versuchen Sie es noch einmal.",
    failed: "Ihre Karte konnte nicht angenommen werden. Bitte versuchen Sie es noch einmal.",
  },
};
const LANGUAGES = Object.keys(WORDS);
// Codes of the vault's, in the words above.
const SAME = { incorrect_number: "invalid_number", invalid_expiry_year: "invalid_expiry_past" };

/** The language asked for, else the browser's first that we speak, else English. */
export function languageOf(asked) {
  const wanted = [asked, ...navigator.languages].filter(Boolean).map((tag) => tag.toLowerCase().split("-")[0]);
  return wanted.find((tag) => LANGUAGES.includes(tag)) || "en";
}

export const wordsOf = (language) => WORDS[language];

/** What a cardholder is told of an error of the vault's. */
export function told(error, words) {
  return words[SAME[error.code] || error.code] || words.failed;
}

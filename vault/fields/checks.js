// Whether what was typed can be a card, before anybody is asked. The vault checks the same again.

const UNKNOWN = { name: "unknown", lengths: [12, 13, 14, 15, 16, 17, 18, 19], cvc_lengths: [3, 4] };
const GROUPS = { amex: [4, 6, 5], diners: [4, 6, 4] };
const FOURS = [4, 4, 4, 4, 3];

/** The brands as the vault knows them (vault/card.py). */
const brands = JSON.parse(document.getElementById("brands").textContent);

export const digits = (text) => text.replace(/[^0-9]/g, "");

/** By the leading digits; of fewer digits than a range has, by what they can still become. */
export function brandOf(number) {
  if (!number) return UNKNOWN;
  const fits = ([first, last]) => {
    const length = Math.min(String(first).length, number.length);
    const start = Number(number.slice(0, length));
    return Number(String(first).slice(0, length)) <= start && start <= Number(String(last).slice(0, length));
  };
  const found = brands.filter((brand) => brand.ranges.some(fits));
  // A first digit that several brands begin with says nothing yet.
  return found.length === 1 || (found.length && number.length >= 4) ? found[0] : UNKNOWN;
}

export function luhn(number) {
  let sum = 0;
  [...number].reverse().forEach((digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  });
  return sum % 10 === 0;
}

/** `4242424242424242` as `4242 4242 4242 4242`. */
export function grouped(number) {
  const sizes = (number.length <= 15 && GROUPS[brandOf(number).name]) || FOURS;
  const parts = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= number.length) break;
    parts.push(number.slice(at, at + size));
    at += size;
  }
  return parts.join(" ");
}

/** `1234` as `12 / 34`, `9` as `09`; of `12/2034`, as browsers fill it in, the last two digits of the year. */
export function expiryText(text) {
  const full = /^\s*(\d{1,2})\s*[/-]\s*20(\d{2})\s*$/.exec(text);
  if (full) return `${full[1].padStart(2, "0")} / ${full[2]}`;
  let typed = digits(text);
  if (/^\s*\d\s*\//.test(text) || /^[2-9]/.test(typed)) typed = `0${typed}`;
  typed = typed.slice(0, 4);
  return typed.length >= 2 ? `${typed.slice(0, 2)} / ${typed.slice(2)}` : typed;
}

// What a field is, by a word: "empty", "incomplete", "complete", or the code of what is wrong.

export function numberState(number) {
  const { lengths } = brandOf(number);
  if (!number) return "empty";
  if (lengths.includes(number.length) && luhn(number)) return "complete";
  return number.length >= Math.max(...lengths) || number.length >= 16 ? "invalid_number" : "incomplete";
}

export function expiryState(text, now = new Date()) {
  const typed = digits(text);
  if (!typed) return "empty";
  const month = Number(typed.slice(0, 2));
  if (typed.length >= 2 && (month < 1 || month > 12)) return "invalid_expiry_month";
  if (typed.length < 4) return "incomplete";
  const year = 2000 + Number(typed.slice(2));
  // A card is good until its month has ended everywhere on Earth.
  const ended = new Date(Date.UTC(year, month, 1, 12));
  if (ended < now) return "invalid_expiry_past";
  return year > now.getUTCFullYear() + 50 ? "invalid_expiry_year" : "complete";
}

export function cvcState(code, number) {
  const lengths = brandOf(number).cvc_lengths;
  if (!code) return "empty";
  if (lengths.includes(code.length)) return "complete";
  return code.length > Math.max(...lengths) ? "invalid_cvc" : "incomplete";
}

export const cvcLength = (number) => Math.max(...brandOf(number).cvc_lengths);

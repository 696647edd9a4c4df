// The card's inputs. Card numbers and codes leave this frame in one way: to the vault that it came from. The page
// around it is told brand, completeness and errors, and only the page whose origin the vault has allowed.
import { brandOf, cvcLength, cvcState, digits, expiryState, expiryText, grouped, numberState } from "./checks.js";
import { apply } from "./styles.js";
import { languageOf, told, wordsOf } from "./words.js";

const asked = new URLSearchParams(window.location.search);
// The vault has checked it, and the browser shows this page to no other origin.
const PAGE = asked.get("origin");
const KEY = asked.get("key");
const PATHS = { token: "/v1/tokens", payment_method: "/v1/payment_methods" };
const NAMES = ["number", "expiry", "cvc"];
const TRIES = 2;

const language = languageOf(asked.get("locale"));
const words = wordsOf(language);
const inputs = Object.fromEntries(NAMES.map((name) => [name, document.getElementById(name)]));
const boxes = Object.fromEntries(NAMES.map((name) => [name, document.getElementById(`${name}-field`)]));
// Fields that were left once, or are known to be wrong: before that, nobody is told that they are not done.
const left = new Set();
// What the vault had against a field, until it is typed in again.
const refused = {};
let lastState = "";

const tell = (message) => window.parent.postMessage({ tollgate: 1, ...message }, PAGE);

function states() {
  const number = digits(inputs.number.value);
  return {
    number: numberState(number),
    expiry: expiryState(inputs.expiry.value),
    cvc: cvcState(digits(inputs.cvc.value), number),
  };
}

/** The code of what is wrong with a field, where it is time to say so. */
function wrong(name, state) {
  if (refused[name]) return refused[name];
  if (state.startsWith("invalid")) return state;
  return left.has(name) && state === "incomplete" ? `incomplete_${name}` : "";
}

function show() {
  const now = states();
  const brand = brandOf(digits(inputs.number.value)).name;
  let error = null;
  for (const name of NAMES) {
    const code = wrong(name, now[name]);
    const message = code ? words[code] || words.failed : "";
    boxes[name].className = `field ${code ? "invalid" : now[name]}`;
    inputs[name].setAttribute("aria-invalid", String(Boolean(code)));
    const place = document.getElementById(`${name}-message`);
    if (place.textContent !== message) place.textContent = message;
    if (code && !error) error = { type: "validation_error", code, message, field: name };
  }
  const mark = document.getElementById("brand");
  mark.dataset.brand = brand;
  mark.setAttribute("aria-label", brand === "unknown" ? "" : brand);
  inputs.cvc.maxLength = cvcLength(digits(inputs.number.value));
  inputs.cvc.placeholder = "1234".slice(0, brand === "amex" ? 4 : 3);
  const state = {
    brand,
    complete: NAMES.every((name) => now[name] === "complete") && !error,
    empty: NAMES.every((name) => now[name] === "empty"),
    error,
  };
  if (JSON.stringify(state) !== lastState) {
    lastState = JSON.stringify(state);
    tell({ type: "change", state });
  }
}

/** Writes the digits in groups, with the caret behind the digit that it was behind. */
function regroup(input, write) {
  const before = digits(input.value.slice(0, input.selectionStart)).length;
  const text = write(input.value);
  if (text === input.value) return;
  const atEnd = input.selectionStart === input.value.length;
  input.value = text;
  if (atEnd) return;
  let at = 0;
  for (let seen = 0; at < text.length && seen < before; at++) if (/\d/.test(text[at])) seen++;
  input.setSelectionRange(at, at);
}

function typed(name, event) {
  delete refused[name];
  const erasing = event.inputType && event.inputType.startsWith("delete");
  if (name === "number") regroup(inputs.number, (text) => grouped(digits(text).slice(0, 19)));
  else if (name === "cvc") regroup(inputs.cvc, (text) => digits(text).slice(0, 4));
  // Who erases the stroke erases the digit before it.
  else if (erasing) inputs.expiry.value = inputs.expiry.value.replace(/\s*\/?\s*$/, "");
  else regroup(inputs.expiry, expiryText);
  show();
  // On to the next field, where this one is done and nobody is in the middle of it.
  const input = inputs[name];
  if (!erasing && states()[name] === "complete" && input.selectionStart === input.value.length) next(name);
}

function next(name) {
  const number = digits(inputs.number.value);
  if (name === "number" && number.length !== Math.max(...brandOf(number).lengths) && number.length !== 16) return;
  const following = inputs[NAMES[NAMES.indexOf(name) + 1]];
  if (following && !following.value && name !== "cvc") following.focus();
}

/** `{ billing_details: { name: "A" } }` into the form that the vault reads. */
function fill(form, value, name) {
  if (value === null || value === undefined) return;
  if (typeof value === "object") {
    for (const [key, part] of Object.entries(value)) fill(form, part, name ? `${name}[${key}]` : key);
  } else {
    form.set(name, String(value));
  }
}

function formOf(kind, details) {
  const form = new URLSearchParams();
  if (kind === "token") fill(form, details, "card");
  else fill(form, { ...details, type: "card" }, "");
  const expiry = digits(inputs.expiry.value);
  // Last, so that nothing of the page's stands in for what was typed.
  form.set("card[number]", digits(inputs.number.value));
  form.set("card[exp_month]", expiry.slice(0, 2));
  form.set("card[exp_year]", `20${expiry.slice(2)}`);
  form.set("card[cvc]", digits(inputs.cvc.value));
  return form;
}

/** A token or a payment method, made once however the connection is: a repeat goes under the same key. */
async function send(kind, details) {
  const headers = { Authorization: `Bearer ${KEY}`, "Idempotency-Key": crypto.getRandomValues(new Uint32Array(4)).join("-") };
  const request = { method: "POST", headers, body: formOf(kind, details) };
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(PATHS[kind], request);
      const answer = await response.json();
      if (response.status < 500 || attempt === TRIES) return answer;
    } catch {
      if (attempt === TRIES) return { error: { type: "api_connection_error", message: words.connection } };
    }
  }
}

async function answer({ id, kind, details }) {
  const said = (result) => tell({ type: "answer", id, answer: result });
  if (!PATHS[kind]) return said({ error: { type: "validation_error", message: `There is no ${kind} to make.` } });
  NAMES.forEach((name) => left.add(name));
  for (const [name, state] of Object.entries(states())) if (state === "empty") refused[name] = `incomplete_${name}`;
  show();
  const { error } = JSON.parse(lastState);
  if (error) {
    inputs[error.field].focus();
    return said({ error });
  }
  const made = await send(kind, details);
  if (!made.error) return said(made);
  blame(made.error);
  return said(made);
}

/** A card error of the vault's is shown at its field, in the cardholder's language; others are the developer's. */
function blame(error) {
  if (error.type !== "card_error") return;
  error.message = told(error, words);
  const name = { number: "number", exp_month: "expiry", exp_year: "expiry", cvc: "cvc" }[error.param];
  if (!name) return;
  refused[name] = { incorrect_number: "invalid_number", invalid_expiry_year: "invalid_expiry_past" }[error.code] || error.code;
  show();
  inputs[name].focus();
}

function options({ style, disabled }) {
  for (const message of apply(style)) tell({ type: "warning", message });
  for (const name of NAMES) inputs[name].disabled = Boolean(disabled);
}

function clear() {
  for (const name of NAMES) {
    inputs[name].value = "";
    delete refused[name];
  }
  left.clear();
  show();
}

function begin() {
  document.documentElement.lang = language;
  document.documentElement.dataset.theme = ["dark", "auto"].includes(asked.get("theme")) ? asked.get("theme") : "light";
  document.title = words.title;
  for (const name of NAMES) {
    document.querySelector(`label[for=${name}]`).textContent = words[name];
    inputs[name].addEventListener("input", (event) => typed(name, event));
    inputs[name].addEventListener("focus", () => tell({ type: "focus" }));
    inputs[name].addEventListener("blur", () => {
      left.add(name);
      show();
      tell({ type: "blur" });
    });
  }
  inputs.expiry.placeholder = words.expiry_hint;
  document.getElementById("card").addEventListener("submit", (event) => {
    event.preventDefault();
    tell({ type: "enter" });
  });
  new ResizeObserver(() => tell({ type: "height", height: Math.ceil(document.body.getBoundingClientRect().height) })).observe(document.body);
  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || event.origin !== PAGE || !event.data || event.data.tollgate !== 1) return;
    switch (event.data.type) {
      case "options": options(event.data.options); break;
      case "focus": (NAMES.map((name) => inputs[name]).find((input) => !input.value) || inputs.number).focus(); break;
      case "blur": if (document.activeElement) document.activeElement.blur(); break;
      case "clear": clear(); break;
      case "ask": answer(event.data);
    }
  });
  show();
  tell({ type: "ready", api: document.body.dataset.api, title: words.title });
}

begin();

// The merchant's own look, of properties that can be no more than a look: nothing that fetches, moves or covers.

const PROPERTIES = (
  "backgroundColor borderColor borderRadius borderStyle borderWidth boxShadow caretColor color fontFamily fontSize "
  + "fontStyle fontVariant fontWeight letterSpacing lineHeight padding textAlign textDecoration textShadow textTransform"
).split(" ");
// Where a state's properties go; `label` and `message` are ours.
const PLACES = {
  base: "input",
  complete: ".complete input",
  empty: ".empty input",
  invalid: ".field.invalid input",
  label: "label",
  message: ".message",
};
const PSEUDO = [":hover", ":focus", "::placeholder", ":disabled"];
const FETCHES = /url|image|src|attr|expression|\\/i;
const MAX_VALUE = 200;

const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [sheet];

/** Applies a style as elements() takes it; gives back what was left out, and why. */
export function apply(style) {
  const refused = [];
  while (sheet.cssRules.length) sheet.deleteRule(0);
  // In our order: what is invalid looks so, whatever else it is.
  for (const [state, selector] of Object.entries(PLACES)) rule(selector, (style || {})[state], `style.${state}`, refused);
  for (const state of Object.keys(style || {})) {
    if (!PLACES[state]) refused.push(`style.${state} is none of ${Object.keys(PLACES).join(", ")}.`);
  }
  return refused;
}

function rule(selector, properties, path, refused) {
  // Properties are set one by one on an empty rule, so that no value can end it and begin another.
  const target = sheet.cssRules[sheet.insertRule(`${selector} {}`, sheet.cssRules.length)];
  for (const [name, value] of Object.entries(properties || {})) {
    if (PSEUDO.includes(name)) rule(selector + name, value, `${path}["${name}"]`, refused);
    else if (!PROPERTIES.includes(name)) refused.push(`${path}.${name} is not among the properties that can be set.`);
    else if (!set(target, name, value)) refused.push(`${path}.${name}: "${String(value).slice(0, 60)}" is no value for it.`);
  }
}

function set(target, name, value) {
  const text = String(value);
  if (text.length > MAX_VALUE || FETCHES.test(text)) return false;
  target.style[name] = "";
  target.style[name] = text;
  return target.style[name] !== "";
}

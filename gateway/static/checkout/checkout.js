/* The checkout page: the card becomes a payment method in the vault's frame, and that pays. One attempt at a time; what
 * became of it is the server's word, so a lost answer is asked for by loading the page anew. */
"use strict";

const form = document.getElementById("checkout");
const words = form.dataset;
const button = document.getElementById("pay");
const label = document.getElementById("label");
const offer = label.textContent;
const tollgate = Tollgate(words.ticket);
const card = tollgate.elements({ locale: words.language, theme: "auto" }).create("card");

card.on("loaderror", () => say(words.noFields));
// Whoever types has read what was wrong.
card.on("change", ({ empty }) => { if (!empty && !form.classList.contains("busy")) say(""); });
card.mount("#card");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!form.classList.contains("busy")) pay();
});
// Back from the bank, or from history: whatever it was, it is over.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

async function pay() {
  busy(true);
  const { paymentMethod, error } = await tollgate.createPaymentMethod({ card, billing_details: details() });
  if (error) {
    // What stands at a field need not be said twice.
    say(error.field || error.param ? "" : error.message);
    return busy(false);
  }
  card.update({ disabled: true });
  let said;
  try {
    const body = new URLSearchParams({ payment_method: paymentMethod.id, email: form.email.value });
    said = await (await fetch(words.pay, { method: "POST", body })).json();
  } catch {
    say(words.lost);
    setTimeout(() => location.reload(), 2000);
    return undefined;
  }
  if (said.go) return location.assign(said.go);
  say(said.error || words.failed);
  busy(false);
  card.update({ disabled: false });
  return card.focus();
}

function details() {
  const given = {};
  if (form.name.value.trim()) given.name = form.name.value.trim();
  if (form.email.value.trim()) given.email = form.email.value.trim();
  return given;
}

function busy(is) {
  form.classList.toggle("busy", is);
  button.setAttribute("aria-disabled", String(is));
  label.textContent = is ? words.paying : offer;
  if (is) say("");
}

function say(text) { document.getElementById("error").textContent = text; }

/* Tollgate hosted fields 1.0.0.
 *
 *   const tollgate = Tollgate("pk_live_…");
 *   const card = tollgate.elements().create("card");
 *   card.mount("#card");
 *   const { token, error } = await tollgate.createToken(card);
 *
 * The card's inputs are in a frame of another origin, the vault's. What is typed there never reaches this page: it
 * gets a token, the card's brand, and whether what was typed can be right. Everything here is public; it has no
 * secret to keep. Released files never change, so a page may pin this one by its hash (integrity="sha384-…").
 */
(function () {
  "use strict";

  if (window.Tollgate) return;
  const VAULT = new URL(document.currentScript.src).origin;
  // A frame that has not answered by then was blocked, by the browser, an extension or the page's own policy.
  const PATIENCE_MS = 15000;
  const EVENTS = ["ready", "change", "focus", "blur", "loaderror"];
  const SECRET = /^(pi_[0-9A-Za-z]+)_secret_[0-9A-Za-z]+$/;

  const failure = (type, message, code) => ({ error: code ? { type, code, message } : { type, message } });

  class Card {
    constructor(key, options) {
      this._key = key;
      this._options = options;
      this._frame = null;
      this._listeners = Object.fromEntries(EVENTS.map((name) => [name, []]));
      this._questions = new Map();
      this._asked = 0;
      this._refusal = null;
      this._hear = (event) => this._heard(event);
      this.api = null;
    }

    on(name, listener) {
      if (!EVENTS.includes(name)) throw new Error(`A card has no event "${name}", only ${EVENTS.join(", ")}.`);
      this._listeners[name].push(listener);
      return this;
    }

    mount(place) {
      const container = typeof place === "string" ? document.querySelector(place) : place;
      if (!container) throw new Error(`There is no element ${place} to mount the card in.`);
      if (this._frame) throw new Error("This card is mounted already: unmount it first.");
      const theme = this._options.theme || "light";
      const query = new URLSearchParams({ key: this._key, origin: window.location.origin, theme });
      if (this._options.locale && this._options.locale !== "auto") query.set("locale", this._options.locale);
      const frame = document.createElement("iframe");
      frame.src = `${VAULT}/fields/card?${query}`;
      frame.title = "Card details";
      frame.allow = "";
      // The frame keeps 3 pixels around its fields for the ring of the one that has the focus: they stand in line with the
      // page's own. The scheme is the frame's own, so that it stays transparent.
      const scheme = theme === "auto" ? "light dark" : theme;
      frame.style.cssText = "display: block; width: calc(100% + 6px); margin: -3px; height: 168px; border: 0";
      frame.style.colorScheme = scheme;
      window.addEventListener("message", this._hear);
      container.replaceChildren(frame);
      this._frame = frame;
      this._refusal = null;
      this._ready = new Promise((resolve) => { this._isReady = resolve; });
      this._patience = setTimeout(() => this._refused(`${VAULT} does not answer.`), PATIENCE_MS);
    }

    unmount() {
      window.removeEventListener("message", this._hear);
      clearTimeout(this._patience);
      if (this._frame) this._frame.remove();
      this._frame = null;
      for (const answer of this._questions.values()) answer(failure("validation_error", "The card was unmounted."));
      this._questions.clear();
    }

    destroy() { this.unmount(); }
    focus() { this._tell({ type: "focus" }); }
    blur() { this._tell({ type: "blur" }); }
    clear() { this._tell({ type: "clear" }); }

    update(options) {
      Object.assign(this._options, options);
      this._tell({ type: "options", options: this._shown() });
    }

    /* Asks the frame for something that it makes of the card: a token or a payment method. */
    async _ask(kind, details) {
      if (!this._frame) return failure("validation_error", "Mount the card before you use it.");
      await this._ready;
      if (this._refusal) return failure("invalid_request_error", this._refusal);
      const id = ++this._asked;
      return new Promise((resolve) => {
        this._questions.set(id, resolve);
        this._tell({ type: "ask", id, kind, details });
      });
    }

    _shown() {
      const { style = {}, disabled = false } = this._options;
      return { style, disabled };
    }

    _tell(message) {
      if (this._frame) this._frame.contentWindow.postMessage({ tollgate: 1, ...message }, VAULT);
    }

    _heard(event) {
      // From our frame and from the vault: other frames of this page are not believed.
      if (!this._frame || event.source !== this._frame.contentWindow || event.origin !== VAULT) return;
      const said = event.data;
      if (!said || said.tollgate !== 1) return;
      switch (said.type) {
        case "ready":
          clearTimeout(this._patience);
          this.api = said.api;
          this._frame.title = said.title;
          this._tell({ type: "options", options: this._shown() });
          this._isReady();
          this._emit("ready", {});
          break;
        case "refused": this._refused(said.message); break;
        case "warning": console.warn(`tollgate.js: ${said.message}`); break;
        case "height": this._frame.style.height = `${said.height}px`; break;
        case "change": this._emit("change", { elementType: "card", ...said.state }); break;
        case "focus": case "blur": this._emit(said.type, {}); break;
        case "enter": this._submit(); break;
        case "answer": {
          const answer = this._questions.get(said.id);
          this._questions.delete(said.id);
          if (answer) answer(said.answer);
        }
      }
    }

    _refused(message) {
      clearTimeout(this._patience);
      this._refusal = message;
      this._isReady();
      console.error(`tollgate.js: ${message}`);
      this._emit("loaderror", { error: { type: "invalid_request_error", message } });
    }

    /* Enter submits the form that the card is in, as it would from an input of the page's own. */
    _submit() {
      const form = this._frame.closest("form");
      if (form) form.requestSubmit();
    }

    _emit(name, event) {
      for (const listener of this._listeners[name]) listener(event);
    }
  }

  window.Tollgate = function Tollgate(key, options = {}) {
    if (typeof key !== "string" || !/^(pk_(test|live)_|ticket_)/.test(key)) {
      throw new Error("Tollgate(key) takes a publishable key: pk_test_… or pk_live_…");
    }
    const cards = [];
    const confirming = new Map();

    function api() {
      const known = options.apiBase || cards.map((card) => card.api).find(Boolean);
      if (!known) throw new Error("Mount a card first, or say where the API is: Tollgate(key, { apiBase: \"https://…\" })");
      return known.replace(/\/$/, "");
    }

    async function call(secret, step, fields) {
      const found = SECRET.exec(secret);
      if (!found) return failure("invalid_request_error", "That is not the client_secret of a payment intent.");
      const form = new URLSearchParams({ ...fields, client_secret: secret });
      const request = { headers: { Authorization: `Bearer ${key}` } };
      let address = `${api()}/v1/payment_intents/${found[1]}${step}`;
      if (step) Object.assign(request, { method: "POST", body: form });
      else address += `?${form}`;
      let answer;
      try {
        answer = await (await fetch(address, request)).json();
      } catch {
        // It may have arrived: the intent tells.
        return failure("api_connection_error", "The connection was lost. Look at the payment before you try again.");
      }
      if (answer.error) return { error: answer.error, paymentIntent: answer.error.payment_intent };
      return { paymentIntent: answer };
    }

    async function methodOf(given) {
      if (!given || typeof given === "string") return { id: given };
      const { card, ...details } = given;
      if (!(card instanceof Card)) return failure("validation_error", "payment_method.card is a card of elements().");
      const made = await card._ask("payment_method", details);
      return made.error ? made : { id: made.id };
    }

    async function confirm(secret, data, { handleActions = true } = {}) {
      const { payment_method: given, return_url: back = window.location.href, ...others } = data;
      const method = await methodOf(given);
      if (method.error) return { error: method.error };
      const fields = { return_url: back, ...flat(others) };
      if (method.id) fields.payment_method = method.id;
      const answer = await call(secret, "/confirm", fields);
      const action = answer.paymentIntent && answer.paymentIntent.status === "requires_action"
        && answer.paymentIntent.next_action.redirect_to_url;
      if (!action || !handleActions) return answer;
      window.location.assign(action.url);
      // The page is left: whoever waits here waits in vain, as nothing is to happen meanwhile.
      return new Promise(() => {});
    }

    return {
      elements({ locale = options.locale || "auto", theme = "light" } = {}) {
        return {
          create(type, own = {}) {
            if (type !== "card") throw new Error(`There is no element "${type}", only "card".`);
            const card = new Card(key, { locale, theme, ...own });
            cards.push(card);
            return card;
          },
        };
      },

      /* { token } or { error }. `details`: name and address_… of the cardholder. */
      async createToken(card, details = {}) {
        const answer = await card._ask("token", details);
        return answer.error ? answer : { token: answer };
      },

      /* { paymentMethod } or { error }. */
      async createPaymentMethod({ card, type = "card", ...details }) {
        if (type !== "card") return failure("invalid_request_error", "Cards are all there is.");
        const answer = await card._ask("payment_method", details);
        return answer.error ? answer : { paymentMethod: answer };
      },

      /* { paymentIntent } or { error }. Where the bank wants to see its cardholder, the page is left for the bank's,
       * which leads to return_url in the end. However often it is called meanwhile, one attempt is made. */
      confirmCardPayment(secret, data = {}, how = {}) {
        if (!confirming.has(secret)) {
          confirming.set(secret, confirm(secret, data, how).finally(() => confirming.delete(secret)));
        }
        return confirming.get(secret);
      },

      /* { paymentIntent } or { error }: for the page that the bank leads back to. */
      retrievePaymentIntent(secret) { return call(secret, "", {}); },
    };
  };

  /* { shipping: { name: "A" } } as shipping[name]=A, as the API's forms have it. */
  function flat(value, name = "") {
    if (value === null || value === undefined) return {};
    if (typeof value !== "object") return { [name]: String(value) };
    return Object.assign({}, ...Object.entries(value).map(([key, part]) => flat(part, name ? `${name}[${key}]` : key)));
  }

  window.Tollgate.version = "1.0.0";
})();

// Passkeys: the browser asks the device, this file carries question and answer.
// Loaded only by pages that have to do with them; without it they stay usable
// with the password and the app.
"use strict";

(() => {
  const supported = Boolean(window.PublicKeyCredential && navigator.credentials);
  for (const choice of document.querySelectorAll("[data-passkey-choice]")) choice.hidden = !supported;

  const form = document.querySelector("form[data-passkey]");
  if (!form) return;
  const said = document.querySelector("[data-passkey-said]");
  const say = (text) => { if (said) said.textContent = text || ""; };

  // Binary values travel as base64url.
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

  const question = () => {
    const o = JSON.parse(form.dataset.options);
    o.challenge = bytes(o.challenge);
    if (o.user) o.user.id = bytes(o.user.id);
    if (o.excludeCredentials) o.excludeCredentials = named(o.excludeCredentials);
    if (o.allowCredentials) o.allowCredentials = named(o.allowCredentials);
    return o;
  };

  const answer = (credential) => {
    const r = credential.response;
    const response = { clientDataJSON: text(r.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (r[part]) response[part] = text(r[part]);
    }
    if (r.getTransports) response.transports = r.getTransports();
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
  };

  // submit() runs no handlers: the page was left for good, and a second answer is none.
  let sent = false;
  const send = (outcome, credential) => {
    if (sent) return;
    sent = true;
    form.elements.outcome.value = outcome;
    if (credential) form.elements.answer.value = answer(credential);
    const more = document.getElementById("f-more_time");
    if (more && form.elements.more) form.elements.more.value = more.checked ? "yes" : "";
    form.submit();
  };
  window.addEventListener("pageshow", () => {
    sent = false;
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  });

  if (form.dataset.passkey === "create") {
    let busy = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      if (!supported) {
        send("unsupported");
        return;
      }
      say(form.dataset.waiting);
      try {
        send("ok", await navigator.credentials.create({ publicKey: question() }));
      } catch (e) {
        send({ InvalidStateError: "exists", NotAllowedError: "cancelled", AbortError: "cancelled" }[e.name] || "unsupported");
      }
    });
    return;
  }

  if (!supported) return;
  for (const off of document.querySelectorAll("[data-passkey-off]")) off.hidden = true;
  form.hidden = false;
  let waiting = null;

  // The browser offers passkeys in the address field; nothing is shown until the person takes one.
  const offer = async () => {
    if (!("autofill" in form.dataset) || !PublicKeyCredential.isConditionalMediationAvailable ||
      !await PublicKeyCredential.isConditionalMediationAvailable()) return;
    waiting = new AbortController();
    try {
      send("ok", await navigator.credentials.get({ publicKey: question(), mediation: "conditional", signal: waiting.signal }));
    } catch {
      // Nobody took one, or the button was pressed.
    }
  };

  form.querySelector("[data-passkey-use]").addEventListener("click", async (event) => {
    event.preventDefault();
    const button = event.currentTarget;
    if (button.disabled) return;
    button.disabled = true;
    if (waiting) waiting.abort();
    say(form.dataset.waiting);
    try {
      send("ok", await navigator.credentials.get({ publicKey: question() }));
    } catch {
      say(form.dataset.cancelled);
      button.disabled = false;
      button.focus();
      offer();
    }
  });
  offer();
})();

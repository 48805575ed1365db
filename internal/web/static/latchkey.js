// What the pages do better with script. Everything works without it: controls
// that need it are rendered hidden and shown here.
"use strict";

const all = (selector) => document.querySelectorAll(selector);

// Show or hide a password.
for (const button of all("[data-show]")) {
  const input = document.getElementById(button.dataset.show);
  button.hidden = false;
  const hide = () => {
    input.type = "password";
    button.textContent = button.dataset.showText;
    button.setAttribute("aria-label", button.dataset.showLabel);
  };
  button.addEventListener("click", () => {
    if (input.type === "text") {
      hide();
      return;
    }
    input.type = "text";
    button.textContent = button.dataset.hideText;
    button.setAttribute("aria-label", button.dataset.hideLabel);
  });
  // A password sent as a text field could be remembered as one.
  input.form.addEventListener("submit", hide);
}

// Copy a key or a list of codes, and say so.
const copied = (button) => {
  const said = document.querySelector("[data-said]");
  const text = button.textContent;
  button.textContent = button.dataset.done;
  if (said) said.textContent = button.dataset.done;
  setTimeout(() => {
    button.textContent = text;
    if (said) said.textContent = "";
  }, 4000);
};
if (navigator.clipboard) {
  for (const button of all("[data-copy], [data-copy-from]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const from = document.getElementById(button.dataset.copyFrom);
      const text = from ? Array.from(from.querySelectorAll("code"), (code) => code.textContent).join("\n") : button.dataset.copy;
      await navigator.clipboard.writeText(text);
      copied(button);
    });
  }
}

for (const button of all("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// A second click sends nothing. A form that answers with a file stays usable.
for (const form of all("form:not([data-again])")) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });
}

// Two minutes before the session ends by itself, ask.
const warning = document.getElementById("warning");
if (warning && warning.showModal) {
  const notice = 120;
  const idle = Number(warning.dataset.idle);
  let due;
  const renew = () => { due = Date.now() + Math.max(idle - notice, 10) * 1000; };
  renew();
  // A timer alone stands still while the computer sleeps.
  setInterval(() => {
    if (Date.now() >= due && !warning.open) warning.showModal();
  }, 5000);
  const keep = async () => {
    await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
    renew();
  };
  warning.querySelector("[data-keep]").addEventListener("click", () => warning.close());
  warning.addEventListener("close", keep);
}

// Mounts Stripe's payment form, in our colours, and sends what is typed to Stripe alone.
"use strict";
(() => {
  const form = document.getElementById("payment-form");
  const place = document.getElementById("payment-element");
  const problem = document.getElementById("payment-problem");
  const button = form.querySelector("button[type=submit]");
  const night = matchMedia("(prefers-color-scheme: dark)");
  const unavailable = "Stripe's secure form could not be loaded. Please try again in a minute.";
  const label = button.textContent;
  let stripe, elements;

  const say = (text) => {
    const notice = document.createElement("p");
    notice.className = "notice error";
    notice.textContent = text;
    problem.replaceChildren(...(text ? [notice] : []));
  };
  const setBusy = (isBusy) => {
    button.disabled = isBusy;
    button.textContent = isBusy ? "Saving…" : label;
    form.setAttribute("aria-busy", String(isBusy));
  };
  const fail = (text) => {
    place.removeAttribute("aria-busy");
    place.replaceChildren();
    say(text);
  };

  // A token may be light-dark(…); as somebody's colour it comes out as the one that is shown.
  const colour = (token) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${token})`;
    form.append(probe);
    const shown = getComputedStyle(probe).color;
    probe.remove();
    return shown;
  };
  const isDark = () => {
    const scheme = getComputedStyle(document.documentElement).colorScheme;
    return scheme === "dark" || (scheme.includes("dark") && night.matches);
  };
  const appearance = () => ({
    theme: isDark() ? "night" : "stripe",
    labels: "above",
    variables: {
      colorPrimary: colour("link"),
      colorBackground: colour("card"),
      colorText: colour("text"),
      colorTextSecondary: colour("mute"),
      colorTextPlaceholder: colour("mute"),
      colorDanger: colour("bad"),
      borderRadius: "6px",
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSizeBase: "14px",
    },
  });

  const clientSecret = async () => {
    const headers = { Accept: "application/json", "X-CSRFToken": form.elements.csrf_token.value };
    const answer = await fetch(form.action, { method: "POST", headers });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.errors[0].message);
    return body.client_secret;
  };

  const mount = async () => {
    if (!window.Stripe) return fail(unavailable);
    let secret;
    try {
      secret = await clientSecret();
    } catch (error) {
      return fail(error instanceof TypeError || error instanceof SyntaxError ? unavailable : error.message);
    }
    stripe = window.Stripe(form.dataset.key, { locale: "en" });
    elements = stripe.elements({ clientSecret: secret, appearance: appearance(), locale: "en" });
    const billingDetails = { name: form.dataset.name, email: form.dataset.email };
    const business = { name: form.dataset.business };
    const element = elements.create("payment", { layout: "tabs", business, defaultValues: { billingDetails } });
    element.on("ready", () => { place.removeAttribute("aria-busy"); button.disabled = false; });
    element.on("loaderror", () => fail(unavailable));
    element.on("change", () => say(""));
    night.addEventListener("change", () => elements.update({ appearance: appearance() }));
    element.mount(place);
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!elements || button.disabled) return;
    say("");
    setBusy(true);
    let error;
    try {
      ({ error } = await stripe.confirmSetup({ elements, confirmParams: { return_url: form.dataset.returnUrl } }));
    } catch {
      error = { message: "Stripe could not be reached. Please check your connection and try again." };
    }
    // What is wrong with a field is said beside that field already.
    if (error && error.type !== "validation_error") say(error.message);
    if (error) setBusy(false);
  });

  mount();
})();

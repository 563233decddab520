// Mounts Stripe's payment form, in our colours, and sends what is typed to Stripe alone.
"use strict";
(() => {
  const form = document.getElementById("payment-form");
  const place = document.getElementById("payment-element");
  const problem = document.getElementById("payment-problem");
  const button = form.querySelector("button[type=submit]");
  const night = matchMedia("(prefers-color-scheme: dark)");
  const locale = document.documentElement.lang || "auto";
  const words = form.dataset;
  const save = button.textContent;
  // The same until somebody answers, so that trying again begins nothing a second time.
  const newKey = () => crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`;
  let key = newKey();
  let stripe, elements, secret;

  const say = (text) => {
    const notice = document.createElement("p");
    notice.className = "notice error";
    notice.textContent = text;
    problem.replaceChildren(...(text ? [notice] : []));
  };
  const show = (label, isBusy) => {
    button.textContent = label;
    button.disabled = isBusy;
    form.setAttribute("aria-busy", String(isBusy));
  };
  const fail = (text) => {
    elements = undefined;
    place.removeAttribute("aria-busy");
    place.replaceChildren();
    say(text);
    show(words.again, false);
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
      colorBackground: colour("surface"),
      colorText: colour("text"),
      colorTextSecondary: colour("text-muted"),
      colorTextPlaceholder: colour("text-muted"),
      colorDanger: colour("bad"),
      borderRadius: "6px",
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSizeBase: "14px",
    },
  });

  const clientSecret = async () => {
    const headers = {
      Accept: "application/json",
      "Idempotency-Key": key,
      "X-CSRFToken": form.elements.csrf_token.value,
    };
    const answer = await fetch(form.action, { method: "POST", headers });
    const body = await answer.json();
    if (!answer.ok) {
      key = newKey();
      throw new Error(body.errors[0].message);
    }
    return body.client_secret;
  };

  const mount = async () => {
    if (!window.Stripe) return fail(words.unavailable);
    say("");
    place.setAttribute("aria-busy", "true");
    show(save, true);
    try {
      secret = await clientSecret();
    } catch (error) {
      // fetch says TypeError when nobody answered, json() SyntaxError when it was no answer of ours.
      return fail(error instanceof TypeError || error instanceof SyntaxError ? words.lost : error.message);
    }
    stripe = window.Stripe(words.key, { locale });
    elements = stripe.elements({ clientSecret: secret, appearance: appearance(), locale });
    const billingDetails = { name: words.name, email: words.email };
    const business = { name: words.business };
    const element = elements.create("payment", { layout: "tabs", business, defaultValues: { billingDetails } });
    element.on("ready", () => { place.removeAttribute("aria-busy"); show(save, false); });
    element.on("loaderror", () => fail(words.unavailable));
    element.on("change", () => say(""));
    element.mount(place);
  };

  // The page we come back to asks Stripe itself; it believes nothing of its address.
  const comeBack = () => {
    const target = new URL(words.returnUrl);
    target.searchParams.set("setup_intent", secret.split("_secret_")[0]);
    location.assign(target);
  };
  const confirm = async () => {
    say("");
    show(words.saving, true);
    let error;
    try {
      ({ error } = await stripe.confirmSetup({ elements, confirmParams: { return_url: words.returnUrl } }));
    } catch {
      error = { type: "api_connection_error" };
    }
    if (!error) return;
    // An earlier try, whose answer was lost, has done it already.
    if (error.code === "setup_intent_unexpected_state") return comeBack();
    show(save, false);
    // What is wrong with a field is said beside that field already.
    if (error.type !== "validation_error") say(error.type === "api_connection_error" ? words.lost : error.message);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    if (elements) confirm();
    else mount();
  });
  night.addEventListener("change", () => elements?.update({ appearance: appearance() }));
  // Who goes back from the bank's page finds the form as it was, and may use it.
  addEventListener("pageshow", (event) => { if (event.persisted && elements) show(save, false); });
  mount();
})();

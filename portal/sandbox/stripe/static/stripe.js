// A stand-in for Stripe.js, served by the sandbox alone. It sets up no real payment.
(() => {
  'use strict';

  const SANDBOX = new URL(document.currentScript.src).origin;
  const LOAD_TIMEOUT_MILLISECONDS = 10000;
  let lastId = 0;

  // An iframe on the sandbox's origin; messages from anywhere else are not heard.
  class Frame {
    constructor(page, title, heard) {
      this.questions = new Map();
      this.heard = heard;
      this.node = document.createElement('iframe');
      this.node.name = `__privateStripeFrame${++lastId}`;
      this.node.title = title;
      this.node.src = `${SANDBOX}/${page}#${encodeURIComponent(location.origin)}`;
      this.loaded = new Promise((resolve) => { this.setLoaded = resolve; });
      this.listener = (event) => this.hear(event);
      window.addEventListener('message', this.listener);
    }

    hear(event) {
      if (event.origin !== SANDBOX || event.source !== this.node.contentWindow) return;
      const message = event.data;
      if (message.type === 'loaded') this.setLoaded();
      if (message.type === 'answer') {
        this.questions.get(message.id)?.(message.answer);
        this.questions.delete(message.id);
      } else {
        this.heard(message);
      }
    }

    tell(message) {
      this.node.contentWindow?.postMessage(message, SANDBOX);
    }

    async ask(message) {
      await this.loaded;
      const id = ++lastId;
      return new Promise((resolve) => {
        this.questions.set(id, resolve);
        this.tell({...message, id});
      });
    }

    remove() {
      window.removeEventListener('message', this.listener);
      this.node.remove();
    }
  }

  class PaymentElement {
    constructor(elements, options) {
      this.elements = elements;
      this.options = {...options};
      this.handlers = {};
      this.frame = null;
    }

    mount(target) {
      const host = typeof target === 'string' ? document.querySelector(target) : target;
      if (!host) throw new Error(`The selector you specified (${target}) applies to no DOM elements that are currently on the page.`);
      if (this.frame) this.unmount();
      this.frame = new Frame('element.html', 'Secure payment input frame', (message) => this.hear(message));
      const style = this.frame.node.style;
      style.border = '0';
      style.display = 'block';
      // The frame is wider than its host by the room its focus rings need.
      style.margin = '0 -4px';
      style.width = 'calc(100% + 8px)';
      style.height = '21rem';
      this.setScheme(this.elements.options.appearance?.theme === 'night' ? 'dark' : 'light');
      host.replaceChildren(this.frame.node);
      this.timer = setTimeout(() => this.failToLoad(), LOAD_TIMEOUT_MILLISECONDS);
    }

    hear(message) {
      if (message.type === 'loaded') {
        clearTimeout(this.timer);
        this.frame.tell({type: 'begin', ...this.settings()});
      }
      if (message.type === 'height') this.frame.node.style.height = `${message.height}px`;
      if (message.type === 'scheme') this.setScheme(message.scheme);
      if (message.type === 'event') this.dispatch(message.name, message.detail);
    }

    settings() {
      const {appearance, clientSecret, locale} = this.elements.options;
      return {
        key: this.elements.key,
        clientSecret,
        appearance: JSON.parse(JSON.stringify(appearance || {})),
        locale: locale || 'auto',
        business: this.options.business?.name || '',
        defaults: this.options.defaultValues?.billingDetails || {},
      };
    }

    // A frame whose scheme differs from its own document's is painted opaque instead of transparent.
    setScheme(scheme) {
      this.frame.node.style.colorScheme = scheme;
    }

    failToLoad() {
      const error = {type: 'api_connection_error', message: 'The sandbox did not answer.'};
      this.dispatch('loaderror', {error});
    }

    dispatch(name, detail) {
      for (const handler of [...(this.handlers[name] || [])]) handler({elementType: 'payment', ...detail});
    }

    on(name, handler) {
      (this.handlers[name] ||= []).push(handler);
      return this;
    }

    once(name, handler) {
      const first = (event) => { this.off(name, first); handler(event); };
      return this.on(name, first);
    }

    off(name, handler) {
      this.handlers[name] = (this.handlers[name] || []).filter((each) => handler && each !== handler);
      return this;
    }

    update(options) {
      Object.assign(this.options, options);
      this.frame?.tell({type: 'update', ...this.settings()});
    }

    focus() {
      this.frame?.tell({type: 'focus'});
    }

    unmount() {
      clearTimeout(this.timer);
      this.frame?.remove();
      this.frame = null;
    }

    destroy() {
      this.unmount();
      this.elements.payment = null;
    }
  }

  class Elements {
    constructor(key, options) {
      if (!options?.clientSecret?.includes('_secret_')) {
        throw new Error('Sandbox: elements() needs the clientSecret of a SetupIntent.');
      }
      this.key = key;
      this.options = {...options};
      this.payment = null;
    }

    create(type, options) {
      if (type !== 'payment') throw new Error(`Sandbox: there is only a payment element here, no '${type}'.`);
      if (this.payment) throw new Error('Can only create one Element of type payment.');
      this.payment = new PaymentElement(this, options);
      return this.payment;
    }

    getElement(type) {
      return type === 'payment' ? this.payment : null;
    }

    update(options) {
      Object.assign(this.options, options);
      this.payment?.update({});
    }

    async submit() {
      return mounted(this).ask({type: 'validate'});
    }
  }

  function mounted(elements) {
    const frame = elements?.payment?.frame;
    if (!frame) throw new Error('Invalid value for elements: it should have a mounted Payment Element.');
    return frame;
  }

  async function retrieveSetupIntent(key, clientSecret) {
    const frame = new Frame('controller.html', 'Secure payment controller frame', () => {});
    frame.node.hidden = true;
    document.body.append(frame.node);
    const answer = await frame.ask({type: 'retrieve', key, clientSecret});
    frame.remove();
    return answer;
  }

  async function confirmSetup(key, {elements, clientSecret, confirmParams, redirect = 'always'}) {
    const secret = clientSecret || elements?.options.clientSecret;
    const returnUrl = confirmParams?.return_url;
    if (!returnUrl && redirect === 'always') {
      throw new Error('You must provide `confirmParams.return_url` to `confirmSetup` unless `redirect` is "if_required".');
    }
    const {error, setupIntent} = await mounted(elements).ask({
      type: 'confirm',
      key,
      clientSecret: secret,
      returnUrl: returnUrl || location.href,
      billing: confirmParams?.payment_method_data?.billing_details || {},
    });
    if (error) return {error};
    if (setupIntent.next_action) return leaveFor(setupIntent.next_action.redirect_to_url.url);
    if (redirect === 'if_required') return {setupIntent};
    const target = new URL(returnUrl);
    target.searchParams.set('setup_intent', setupIntent.id);
    target.searchParams.set('setup_intent_client_secret', secret);
    target.searchParams.set('redirect_status', setupIntent.status === 'processing' ? 'pending' : 'succeeded');
    return leaveFor(target.href);
  }

  // Never settles: the page is on its way out.
  function leaveFor(url) {
    location.assign(url);
    return new Promise(() => {});
  }

  window.Stripe = function Stripe(key, {locale} = {}) {
    if (typeof key !== 'string' || !key.startsWith('pk_test_')) {
      throw new Error('Sandbox: this stand-in for Stripe.js takes a pk_test_ key and refuses live keys.');
    }
    return {
      elements: (options) => new Elements(key, {locale, ...options}),
      confirmSetup: (options) => confirmSetup(key, options),
      retrieveSetupIntent: (clientSecret) => retrieveSetupIntent(key, clientSecret),
    };
  };
  window.Stripe.version = 'sandbox';
})();

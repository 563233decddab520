// The payment element: what is typed here goes to the sandbox and never to the page around it.
import {applyAppearance} from './appearance.js';
import {call, listen, setupIntent, tell} from './channel.js';
import * as numbers from './numbers.js';
import {translated, wordsFor} from './words.js';

const FIELDS = {card: ['number', 'expiry', 'cvc'], sepa_debit: ['iban', 'name', 'email']};
const GROUPED = {number: numbers.groupedCard, expiry: numbers.groupedExpiry, cvc: numbers.digits, iban: numbers.groupedIban};
const TEST_NUMBERS = {
  card: {number: '4242424242424242', expiry: '1234', cvc: '123'},
  sepa_debit: {iban: 'DE89370400440532013000', name: 'Erika Mustermann', email: 'erika@example.com'},
};
// Where the sandbox's own refusals belong.
const FIELD_OF_CODE = {
  incorrect_cvc: 'cvc',
  invalid_cvc: 'cvc',
  expired_card: 'expiry',
  invalid_expiry_month: 'expiry',
  invalid_expiry_year: 'expiry',
  invalid_bank_account_iban: 'iban',
  bank_account_unusable: 'iban',
};

const at = (id) => document.getElementById(id);
const form = at('form');
const value = (id) => at(id).value.trim();
const type = () => form.elements.type.value;
let words = wordsFor('en');

function codeOfMistake(id) {
  const text = value(id);
  switch (id) {
    case 'number':
      if (!numbers.isCardComplete(text)) return 'incomplete_number';
      return numbers.isCardPlausible(text) ? null : 'invalid_number';
    case 'expiry':
      if (!numbers.isExpiryComplete(text)) return 'incomplete_expiry';
      return numbers.isExpiryPast(text) ? 'invalid_expiry_year_past' : null;
    case 'cvc':
      return numbers.isCodeComplete(text, value('number')) ? null : 'incomplete_cvc';
    case 'iban':
      return numbers.isIbanComplete(text) ? null : 'incomplete_iban';
    case 'email':
      return /^\S+@\S+\.\S+$/.test(text) ? null : 'incomplete_email';
    default:
      return text ? null : `incomplete_${id}`;
  }
}

function show(id, message) {
  at(`${id}-error`).textContent = message;
  if (message) at(id).setAttribute('aria-invalid', 'true');
  else at(id).removeAttribute('aria-invalid');
}

function showMistake(id) {
  const code = codeOfMistake(id);
  show(id, code ? words[code] : '');
  return code;
}

// Marks every field that is wrong and goes to the first of them.
function validate() {
  const wrong = FIELDS[type()].filter(showMistake);
  if (!wrong.length) return {selectedPaymentMethod: type()};
  at(wrong[0]).focus();
  const code = codeOfMistake(wrong[0]);
  return {error: {type: 'validation_error', code, message: words[code]}};
}

function methodOf(billing) {
  if (type() === 'sepa_debit') {
    const holder = {...billing, name: value('name'), email: value('email')};
    return {type: 'sepa_debit', sepa_debit: {iban: numbers.bare(value('iban'))}, billing_details: holder};
  }
  const [month, year] = value('expiry').split(' / ');
  const card = {number: numbers.digits(value('number')), exp_month: month, exp_year: year, cvc: value('cvc')};
  return {type: 'card', card, billing_details: billing};
}

async function confirm({key, clientSecret, returnUrl, billing}) {
  const checked = validate();
  if (checked.error) return checked;
  const confirmed = await call(`/v1/setup_intents/${clientSecret.split('_secret_')[0]}/confirm`, {
    key,
    client_secret: clientSecret,
    return_url: returnUrl,
    use_stripe_sdk: 'true',
    payment_method_data: methodOf(billing),
  });
  if (!confirmed.error) return {setupIntent: confirmed};
  const error = translated(confirmed.error, words);
  show(FIELD_OF_CODE[error.code] || FIELDS[type()][0], error.message);
  return {error};
}

function tellChange() {
  const fields = FIELDS[type()];
  const detail = {
    complete: fields.every((id) => !codeOfMistake(id)),
    empty: fields.every((id) => !value(id)),
    collapsed: false,
    value: {type: type()},
  };
  tell({type: 'event', name: 'change', detail});
}

// Keeps the caret behind the character it was behind before the spaces moved.
function regroup(input) {
  const group = GROUPED[input.id];
  if (!group) return;
  const before = numbers.bare(input.value.slice(0, input.selectionStart)).length;
  const atEnd = input.selectionStart === input.value.length;
  input.value = group(input.value);
  if (atEnd || document.activeElement !== input) return;
  let caret = 0;
  for (let seen = 0; seen < before && caret < input.value.length; caret += 1) {
    if (/[0-9a-z]/i.test(input.value[caret])) seen += 1;
  }
  input.setSelectionRange(caret, caret);
}

function showType() {
  for (const panel of document.querySelectorAll('[data-panel]')) panel.hidden = panel.dataset.panel !== type();
}

function showWords(business) {
  document.documentElement.lang = words.language;
  for (const node of document.querySelectorAll('[data-words]')) node.textContent = words[node.dataset.words];
  at('card-terms').textContent = words.cardTerms(business || words.merchant);
  at('sepa-terms').textContent = words.sepaTerms(business || words.merchant);
}

function setUp({appearance, locale, business}) {
  words = wordsFor(locale);
  showWords(business);
  tell({type: 'scheme', scheme: applyAppearance(appearance)});
}

function offer(types) {
  for (const tab of document.querySelectorAll('.tab')) tab.hidden = !types.includes(tab.dataset.type);
  form.querySelector('.tabs').hidden = types.length < 2;
  form.elements.type.value = types[0];
  showType();
}

async function begin(message) {
  setUp(message);
  const {setupIntent: intent, error} = await setupIntent(message);
  if (error) {
    tell({type: 'event', name: 'loaderror', detail: {error}});
    return;
  }
  offer(intent.payment_method_types);
  at('name').value = message.defaults.name || '';
  at('email').value = message.defaults.email || '';
  form.hidden = false;
  tell({type: 'event', name: 'ready', detail: {}});
}

form.addEventListener('submit', (event) => event.preventDefault());
form.addEventListener('input', (event) => {
  const input = event.target;
  if (input.name === 'type') {
    showType();
  } else {
    regroup(input);
    show(input.id, '');
    at('brand').textContent = numbers.brandOf(value('number')).label;
  }
  tellChange();
});
// Only on the way to another field here: on the way to the page's button, a line more would move the
// button away under the pointer.
form.addEventListener('focusout', ({target, relatedTarget}) => {
  if (relatedTarget && target.id in GROUPED && target.value) showMistake(target.id);
});
at('fill').addEventListener('click', () => {
  for (const [id, text] of Object.entries(TEST_NUMBERS[type()])) {
    if ((id === 'name' || id === 'email') && value(id)) continue;
    at(id).value = text;
    at(id).dispatchEvent(new Event('input', {bubbles: true}));
  }
});
new ResizeObserver(() => tell({type: 'height', height: Math.ceil(form.getBoundingClientRect().height)})).observe(form);

listen({
  begin,
  update: setUp,
  validate,
  confirm,
  focus: () => at(FIELDS[type()][0]).focus(),
});

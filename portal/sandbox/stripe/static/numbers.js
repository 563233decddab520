// How card numbers, dates and IBANs are typed, shown and found complete.
const BRANDS = [
  ['amex', 'AMEX', /^3[47]/],
  ['visa', 'VISA', /^4/],
  ['mastercard', 'Mastercard', /^(5[1-5]|2[2-7])/],
  ['discover', 'Discover', /^(6011|65)/],
  ['diners', 'Diners', /^3[068]/],
  ['jcb', 'JCB', /^35/],
];
const CARD_LENGTHS = {amex: 15, diners: 16};
const IBAN_LENGTHS = {AT: 20, BE: 16, DE: 22, ES: 24, FI: 18, FR: 27, IE: 22, IT: 27, LU: 20, NL: 18};

export function brandOf(number) {
  const [code, label] = BRANDS.find(([, , start]) => start.test(digits(number))) || ['', ''];
  return {code, label};
}

export function groupedCard(text) {
  const number = digits(text).slice(0, cardLength(text));
  const groups = brandOf(number).code === 'amex' ? /^(\d{1,4})(\d{1,6})?(\d{1,5})?$/ : /^(\d{1,4})(\d{1,4})?(\d{1,4})?(\d{1,4})?$/;
  return (number.match(groups) || []).slice(1).filter(Boolean).join(' ');
}

export function groupedExpiry(text) {
  let number = digits(text).slice(0, 4);
  if (/^[2-9]/.test(number)) number = `0${number}`.slice(0, 4);
  return number.length > 2 ? `${number.slice(0, 2)} / ${number.slice(2)}` : number;
}

export function groupedIban(text) {
  return (bare(text).slice(0, 34).match(/.{1,4}/g) || []).join(' ');
}

export function digits(text) {
  return text.replace(/\D/g, '');
}

export function bare(text) {
  return text.replace(/[^0-9a-z]/gi, '').toUpperCase();
}

export function isCardComplete(text) {
  return digits(text).length === cardLength(text);
}

export function isCardPlausible(text) {
  const sum = [...digits(text)].reverse().reduce((total, digit, place) => {
    const value = Number(digit) * (1 + place % 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

export function isExpiryPast(text) {
  const [month, year] = text.split('/').map(Number);
  return new Date(2000 + year, month) <= new Date();
}

export function isExpiryComplete(text) {
  return /^(0[1-9]|1[0-2]) \/ \d\d$/.test(text);
}

export function isCodeComplete(text, number) {
  return text.length === (brandOf(number).code === 'amex' ? 4 : 3);
}

export function isIbanComplete(text) {
  const iban = bare(text);
  return /^[A-Z]{2}\d\d/.test(iban) && iban.length >= (IBAN_LENGTHS[iban.slice(0, 2)] || 15);
}

function cardLength(text) {
  return CARD_LENGTHS[brandOf(text).code] || 16;
}

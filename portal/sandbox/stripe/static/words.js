// The words of the element, in the two languages the portal speaks.
const ENGLISH = {
  notice: 'Sandbox: a stand-in for Stripe. Test numbers only, no real card or account.',
  fill: 'Fill in a test number',
  method: 'Payment method',
  card: 'Card',
  sepa: 'SEPA Direct Debit',
  number: 'Card number',
  expiry: 'Expiration date',
  cvc: 'Security code',
  iban: 'IBAN',
  name: 'Full name',
  email: 'Email',
  incomplete_number: 'Your card number is incomplete.',
  invalid_number: 'Your card number is invalid.',
  incomplete_expiry: 'Your card’s expiration date is incomplete.',
  invalid_expiry_year_past: 'Your card’s expiration year is in the past.',
  incomplete_cvc: 'Your card’s security code is incomplete.',
  incomplete_iban: 'The IBAN you entered is incomplete.',
  incomplete_name: 'Please provide your full name.',
  incomplete_email: 'Your email is incomplete.',
  cardTerms: (business) => `By providing your card information, you allow ${business} to charge your card for future payments in accordance with their terms.`,
  sepaTerms: (business) => `By providing your payment information and confirming this mandate, you authorise (A) ${business} and Stripe, our payment service provider, to send instructions to your bank to debit your account and (B) your bank to debit your account in accordance with those instructions. As part of your rights, you are entitled to a refund from your bank under the terms and conditions of your agreement with your bank. A refund must be claimed within 8 weeks starting from the date on which your account was debited. You agree to receive notifications for future debits up to 2 days before they occur.`,
  merchant: 'the merchant',
  refusals: {},
};

const GERMAN = {
  notice: 'Sandbox: ein Ersatz für Stripe. Nur Testnummern, keine echte Karte, kein echtes Konto.',
  fill: 'Testnummer einsetzen',
  method: 'Zahlungsmethode',
  card: 'Karte',
  sepa: 'SEPA-Lastschrift',
  number: 'Kartennummer',
  expiry: 'Ablaufdatum',
  cvc: 'Sicherheitscode',
  iban: 'IBAN',
  name: 'Vollständiger Name',
  email: 'E-Mail',
  incomplete_number: 'Ihre Kartennummer ist unvollständig.',
  invalid_number: 'Ihre Kartennummer ist ungültig.',
  incomplete_expiry: 'Das Ablaufdatum Ihrer Karte ist unvollständig.',
  invalid_expiry_year_past: 'Das Ablaufjahr Ihrer Karte liegt in der Vergangenheit.',
  incomplete_cvc: 'Der Sicherheitscode Ihrer Karte ist unvollständig.',
  incomplete_iban: 'Die eingegebene IBAN ist unvollständig.',
  incomplete_name: 'Bitte geben Sie Ihren vollständigen Namen an.',
  incomplete_email: 'Ihre E-Mail-Adresse ist unvollständig.',
  cardTerms: (business) => `Mit der Angabe Ihrer Kartendaten erlauben Sie ${business}, Ihre Karte für künftige Zahlungen gemäß den Geschäftsbedingungen zu belasten.`,
  sepaTerms: (business) => `Durch Angabe Ihrer Zahlungsinformationen und Bestätigung dieses Mandats ermächtigen Sie (A) ${business} und Stripe, unseren Zahlungsdienstleister, Ihrem Kreditinstitut Anweisungen zur Belastung Ihres Kontos zu senden, und (B) Ihr Kreditinstitut, Ihr Konto gemäß diesen Anweisungen zu belasten. Sie haben Anspruch auf Rückerstattung durch Ihr Kreditinstitut gemäß den Bedingungen Ihres Vertrags mit ihm. Eine Rückerstattung muss innerhalb von 8 Wochen ab dem Tag der Belastung verlangt werden. Sie stimmen zu, über künftige Belastungen bis zu 2 Tage im Voraus benachrichtigt zu werden.`,
  merchant: 'dem Händler',
  refusals: {
    card_declined: 'Ihre Karte wurde abgelehnt.',
    insufficient_funds: 'Ihre Karte verfügt nicht über ausreichende Deckung.',
    test_mode_live_card: 'Ihre Karte wurde abgelehnt: Diese Sandbox nimmt nur Testnummern an.',
    expired_card: 'Ihre Karte ist abgelaufen.',
    incorrect_cvc: 'Der Sicherheitscode Ihrer Karte ist falsch.',
    incorrect_number: 'Ihre Kartennummer ist falsch.',
    processing_error: 'Bei der Verarbeitung Ihrer Karte ist ein Fehler aufgetreten. Bitte versuchen Sie es gleich noch einmal.',
    invalid_bank_account_iban: 'Die eingegebene IBAN ist ungültig.',
    bank_account_unusable: 'Diese Sandbox nimmt nur Stripes Test-IBANs an, etwa DE89 3704 0044 0532 0130 00.',
  },
};

export function wordsFor(locale) {
  const language = locale === 'auto' ? navigator.language : locale;
  return language.toLowerCase().startsWith('de') ? {...GERMAN, language: 'de'} : {...ENGLISH, language: 'en'};
}

export function translated(error, words) {
  const message = words.refusals[error.decline_code] || words.refusals[error.code] || error.message;
  return {...error, message};
}

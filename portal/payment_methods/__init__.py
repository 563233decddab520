"""How an organization pays: cards and SEPA mandates, and which one comes first."""

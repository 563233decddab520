"""A stateful stand-in for the EasyBill REST API that moves no money and accepts no key but its own.

Where EasyBill's behaviour is recorded it is followed; where it is not recorded, one answer is
assumed, so that a client can be written against something definite:

- `done` on a finished document answers 200 with that document, unchanged.
- A customer needs a `last_name` or a `company_name`, not both; two may carry the same `number`.
- Cancelling a draft, a cancelled document or one that is no invoice or credit is a 400.
- A STORNO carries the number of the document it cancels, as recorded in 2016 (account setting).
- An e-mail counts as sent at once, or as failed when it has no recipient.
- A document's own discount scales its totals; line discounts are PERCENT or AMOUNT, others 501.
- `recurring_options` and a webhook's `last_response` are objects of nulls.
"""

from portal.sandbox.easybill.app import create_app
from portal.sandbox.easybill.faults import Faults, Plan

__all__ = ["Faults", "Plan", "create_app"]

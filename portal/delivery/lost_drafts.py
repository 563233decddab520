"""The reconciler: removes drafts of ours at the provider that lost against another document, only drafts.

Two workers that meet, or an answer that never came, may leave a second draft of one invoice. It is removed
once the invoice's own document is finished: from then on no worker can take the draft for it.
"""

import logging
from collections.abc import Iterable

from portal.delivery.document_links import has_lost, organizations_of
from portal.domain.errors import BillingError
from portal.gateways.invoicing import Document, InvoicingProvider

log = logging.getLogger(__name__)


def remove(provider: InvoicingProvider, drafts: Iterable[Document]) -> int:
    """Delete those drafts whose invoice has another, finished document; return how many."""
    by_id = {draft.id: draft for draft in drafts if draft.is_draft}
    organizations = organizations_of(by_id.values())
    removed = 0
    for draft in by_id.values():
        organization_id = organizations.get(draft.customer_id or "")
        if organization_id is None or not has_lost(organization_id, draft):
            continue
        try:
            provider.delete_draft(draft.id)
            removed += 1
        except BillingError as error:  # it is looked at again tomorrow
            log.warning("a lost draft stays", extra={"document": draft.id, "reason": str(error)})
    return removed

"""The reconciler: removes drafts of ours at EasyBill that lost against another document, and only drafts.

Two workers that meet, or an answer that never came, may leave a second draft of one invoice. It is removed
once the invoice's own document is finished: from then on nobody can take the draft for it any more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from portal.delivery.owners import has_lost, organizations_of
from portal.domain.errors import BillingError
from portal.gateways.easybill import EasybillGateway
from portal.gateways.easybill_shapes import Document

log = logging.getLogger(__name__)


def remove(easybill: EasybillGateway, drafts: Iterable[Document]) -> int:
    """Delete those drafts whose invoice has another, finished document; return how many."""
    each_once = {each.id: each for each in drafts if each.is_draft}
    owners = organizations_of(each_once.values())
    removed = 0
    for draft in each_once.values():
        owner = owners.get(draft.customer_id or "")
        if owner is None or not has_lost(owner, draft):
            continue
        try:
            easybill.delete_draft(draft.id)
            removed += 1
        except BillingError as error:  # it is looked at again tomorrow
            log.warning("a lost draft stays", extra={"document": draft.id, "reason": str(error)})
    return removed

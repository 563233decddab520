"""Products that imports made before products had owners get theirs; a shared one loses its first text."""

import flask_migrate
from sqlalchemy import text

from portal.storage import db
from tests.factories import make_organization, make_product, make_subscription

SECRET = "Secret of Acme"


def test_products_of_earlier_imports_get_the_organization_that_uses_them(fresh):
    flask_migrate.upgrade()
    acme, other = make_organization("Acme GmbH"), make_organization("Other Ltd")
    used = {
        "sku-1@0.5EUR": ("0.5", [acme]),
        "sku-2@0EUR": ("0", [other]),
        "sku-3@0.25EUR": ("0.25", [acme, other]),
        f"sku-1@0.5EUR#{other.number}": ("0.5", [other]),  # by this release, before it was taken back
        "gone@0.7EUR": ("0.7", []),
        "vm": ("0.5", [acme]),
        "odd@0.5USD": ("0.5", [acme]),  # its price is in another currency: no import made it
        "request@2E-7EUR": ("0.0000002", [acme, other]),  # as an import writes so small a price
    }
    for code, (price, organizations) in used.items():
        product = make_product(SECRET, price, unit="GB", code=code)
        for organization in organizations:
            make_subscription(organization, product)
    names = {acme.id: "acme", other.id: "other", None: None}
    codes = list(used)
    db.session.remove()

    flask_migrate.downgrade(revision="0014")
    flask_migrate.upgrade()

    found = db.session.execute(text("SELECT code, name, owner_id FROM product ORDER BY id"))
    assert {code: (name, names[owner]) for code, name, owner in found} == {
        codes[0]: (SECRET, "acme"),
        codes[1]: (SECRET, "other"),
        codes[2]: ("sku-3", None),  # nobody else is shown whose text it was
        codes[3]: (SECRET, "other"),
        codes[4]: ("gone", None),
        codes[5]: (SECRET, None),
        codes[6]: (SECRET, None),
        codes[7]: ("request", None),
    }

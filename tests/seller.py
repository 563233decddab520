"""Who sells in the tests: the demo's seller, so that what a test reads is what the demo shows."""

from zoneinfo import ZoneInfo

from portal.config.seller import BankAccount, Logo, Seller

SELLER = Seller(
    name="Nordlicht Cloud",
    brand="Nordlicht",
    logo=Logo("demo/logo.svg", "mark"),
    support_email="support@nordlicht-cloud.example",
    country="DE",
    time_zone=ZoneInfo("Europe/Berlin"),
    vat_home="DE",
    bank=BankAccount("Nordlicht Cloud GmbH", "DE89370400440532013000", "COBADEFFXXX"),
)

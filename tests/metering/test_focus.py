"""Reading a FOCUS export: each row is metered or refused with its reason, and nothing stops in the middle."""

from decimal import Decimal

import pytest

from portal.domain.period import Month
from portal.metering.focus import REQUIRED, Charge, NotFocusError, Refused, read_charges
from tests.factories import JANUARY, NOW, hour_at
from tests.metering.exports import USUAL, at, hour, row, text_of, write

NO_LINE = "has characters that cannot be printed on one line"


@pytest.fixture
def read(tmp_path):
    def rows(*some, currency="EUR", **options):
        return list(
            read_charges(write(tmp_path / "export.csv", *some, **options), currency=currency, now=NOW)
        )

    return rows


@pytest.fixture
def read_text(tmp_path):
    def rows(text, encoding="utf-8"):
        path = tmp_path / "export.csv"
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return list(read_charges(path, currency="EUR", now=NOW))

    return rows


def test_a_row_of_a_focus_export_is_a_charge(read):
    assert read(row()) == [
        (
            2,
            Charge(
                project_code="4711",
                project_name="production",
                sku_price_id="sku-1",
                product_name="$0.5 per GB",
                unit="GB",
                unit_price=Decimal("0.5"),
                hour=hour_at(JANUARY, 13, 7),
                quantity_nano=3 * 10**9,
                was_rounded=False,
            ),
        )
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ChargeCategory": "Tax"}, "tax"),
        ({"ChargeCategory": "Credit"}, "credit"),
        ({"ChargeCategory": "Adjustment"}, "adjustment"),
        ({"ChargeCategory": "Purchase"}, "purchase"),
        ({"ChargeCategory": "NULL"}, "malformed"),
        ({"ChargeClass": "Correction"}, "correction"),
        ({"BillingCurrency": "USD"}, "another currency"),
        ({"BillingCurrency": "NULL"}, "malformed"),
        ({"PricingCurrency": "USD"}, "another currency"),
        ({"ChargePeriodEnd": "2026-01-14T07:00:00Z"}, "not hourly"),
        ({"ChargePeriodEnd": "2026-01-13T07:30:00Z"}, "not hourly"),
        ({"ChargePeriodEnd": "2026-01-13T06:00:00Z"}, "not hourly"),
        (at("2026-01-13T07:30:00Z", "2026-01-13T08:30:00Z"), "not hourly"),
        ({"ChargePeriodStart": "yesterday"}, "malformed"),
        ({"ChargePeriodStart": "NULL"}, "malformed"),
        ({"ChargePeriodEnd": ""}, "malformed"),
        ({"ChargePeriodStart": "0001-01-01T00:00:00+14:00"}, "malformed"),
        (at("1969-12-31T22:00:00Z", "1969-12-31T23:00:00Z"), "ChargePeriodStart is before the year 2000"),
        (at("1999-12-31T23:00:00Z", "2000-01-01T00:00:00Z"), "ChargePeriodStart is before the year 2000"),
        (at("2026-03-10T13:00:00Z", "2026-03-10T14:00:00Z"), "ChargePeriodStart is in the future"),
        (at("8999-01-01T13:00:00Z", "8999-01-01T14:00:00Z"), "ChargePeriodStart is in the future"),
        ({"SkuPriceId": "NULL"}, "no SKU price"),
        ({"SkuPriceId": ""}, "no SKU price"),
        ({"ListUnitPrice": "NULL"}, "no price"),
        ({"ListUnitPrice": "-0.5"}, "negative price"),
        ({"ListUnitPrice": "0.0000000000001"}, "price finer than 12 decimals"),
        ({"ListUnitPrice": "9223373"}, "price too large"),
        ({"ListUnitPrice": "1" * 38}, "price too large"),
        ({"ListUnitPrice": "1" * 38 + "." + "1" * 38}, "price finer than 12 decimals"),
        ({"ListUnitPrice": "cheap"}, "malformed"),
        ({"ListUnitPrice": "NaN"}, "malformed"),
        ({"ListUnitPrice": "sNaN"}, "malformed"),
        ({"ListUnitPrice": "Infinity"}, "malformed"),
        ({"ListUnitPrice": "1e999999"}, "malformed"),
        ({"ListUnitPrice": "1e-999999"}, "malformed"),
        ({"PricingQuantity": "NULL"}, "no quantity"),
        ({"PricingQuantity": "-1"}, "negative quantity"),
        ({"PricingQuantity": "-0.0000000001"}, "negative quantity"),
        ({"PricingQuantity": "10000000.000000001"}, "more than 10,000,000 units in an hour"),
        ({"PricingQuantity": "1e40"}, "more than 10,000,000 units in an hour"),
        ({"PricingQuantity": "three"}, "malformed"),
        ({"PricingQuantity": "1" * 100}, "malformed"),
        ({"SubAccountId": "47\x0011"}, "malformed"),
        ({"SkuPriceId": "sku\x00"}, "malformed"),
        ({"SubAccountName": "pro\x00duction"}, "malformed"),
        ({"SkuPriceId": "x" * 5000}, "SkuPriceId has more than 500 characters"),
        ({"SubAccountId": "x" * 5000}, "SubAccountId has more than 500 characters"),
        ({"PricingUnit": "<img src=x>" * 2000}, "PricingUnit has more than 40 characters"),
        ({"PricingUnit": "G\rB"}, f"PricingUnit {NO_LINE}"),
        ({"ChargeDescription": "two\nlines"}, f"ChargeDescription {NO_LINE}"),
        ({"SubAccountName": "\u202eelbis"}, f"SubAccountName {NO_LINE}"),
        ({"SkuPriceId": "sku\u2066"}, f"SkuPriceId {NO_LINE}"),
        ({"SubAccountId": "47\x1b11"}, f"SubAccountId {NO_LINE}"),
    ],
)
def test_a_focus_row_that_cannot_be_metered_is_refused_with_its_reason_and_line(read, changes, reason):
    found = read(row(), row(**changes), row())

    assert found[1] == (3, Refused(reason))
    assert isinstance(found[0][1], Charge)
    assert isinstance(found[2][1], Charge)


@pytest.mark.parametrize("cells", [1, 5, len(USUAL) + 1])
def test_a_focus_row_with_the_wrong_number_of_cells_is_malformed(read_text, cells):
    text = text_of(row()) + ",".join("x" * cells) + "\r\n" + text_of(row()).split("\r\n")[1]
    found = read_text(text)

    assert [(line, isinstance(each, Refused)) for line, each in found] == [(2, False), (3, True), (4, False)]


def test_an_empty_line_of_a_focus_export_is_no_row(read_text):
    header, first, _ = text_of(row()).split("\r\n")

    assert [line for line, _ in read_text(f"{header}\r\n\r\n{first}\r\n\r\n{first}\r\n")] == [3, 5]


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_a_focus_file_without_a_column_is_refused_whole(read, missing):
    columns = [name for name in USUAL if name != missing]
    with pytest.raises(NotFocusError, match=f"it has no column {missing}\\."):
        read(row(), columns=columns)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"hello",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
        b"\x1f\x8b\x08\x00\x00",
        text_of(row()).encode("utf-16"),
        b'"unfinished',
        b'{"BillingCurrency": "EUR"}',
    ],
)
def test_a_file_that_is_no_focus_export_is_refused_whole(read_text, content):
    with pytest.raises(NotFocusError):
        read_text(content)


def test_broken_quotes_in_the_middle_of_a_focus_file_refuse_the_file(read_text):
    with pytest.raises(NotFocusError, match=r"export\.csv is not a CSV file"):
        read_text(text_of(row()) + 'EUR,"Usage"x,')


def test_bytes_that_are_no_text_refuse_a_focus_file(read_text):
    with pytest.raises(NotFocusError, match=r"export\.csv is not a text file in UTF-8\."):
        read_text(text_of(row()).encode() + b"\xff\xfe")


def test_a_byte_order_mark_is_no_part_of_the_first_column(read_text):
    assert isinstance(read_text(text_of(row()), "utf-8-sig")[0][1], Charge)


def test_line_numbers_of_a_focus_file_count_lines_within_quotes(read):
    found = read(row(Tags='{"a":\n"b"}\n'), row(ChargeCategory="Tax"), row())

    assert [line for line, _ in found] == [2, 5, 6]


@pytest.mark.parametrize("nothing", ["NULL", "null", "", "  "])
def test_null_in_a_cell_of_a_focus_export_is_no_value(read, nothing):
    ((_, charge),) = read(row(SubAccountId=nothing, SubAccountName=nothing, ChargeDescription=nothing))

    assert (charge.project_code, charge.project_name, charge.product_name) == (None, "", "Storage")


def test_a_product_without_any_description_is_named_after_its_sku_price(read):
    ((_, charge),) = read(row(ChargeDescription="NULL", ServiceName="NULL"))

    assert charge.product_name == "sku-1"


def test_a_sub_account_without_a_name_is_named_after_its_id(read):
    ((_, charge),) = read(row(SubAccountName="NULL"))

    assert charge.project_name == "4711"


def test_a_charge_without_a_pricing_unit_is_counted_in_units(read):
    assert read(row(PricingUnit="NULL"))[0][1].unit == "unit"


def test_a_long_name_in_a_focus_export_is_cut(read):
    ((_, charge),) = read(row(ChargeDescription="x" * 1000, SubAccountName="y" * 1000))

    assert (len(charge.product_name), len(charge.project_name)) == (200, 200)


@pytest.mark.parametrize(
    ("quantity", "nano", "was_rounded"),
    [
        ("3", 3 * 10**9, False),
        ("3.000000000000", 3 * 10**9, False),
        ("0.00000000049", 0, True),
        ("0.0000000005", 1, True),
        ("0.0000000015", 2, True),
        ("0.12345678949999", 123456789, True),
        ("1E-9", 1, False),
        ("0", 0, False),
        ("10000000", 10**16, False),
        ("10000000.0000000004", 10**16, True),
    ],
)
def test_a_quantity_is_rounded_half_up_to_nano_units_and_that_is_counted(read, quantity, nano, was_rounded):
    ((_, charge),) = read(row(PricingQuantity=quantity))

    assert (charge.quantity_nano, charge.was_rounded) == (nano, was_rounded)


@pytest.mark.parametrize("price", ["0.0000004", "4e-7", "0.00000040000000000000"])
def test_a_price_in_a_focus_export_is_exact(read, price):
    assert read(row(ListUnitPrice=price))[0][1].unit_price == Decimal("0.0000004")


@pytest.mark.parametrize("price", ["0", "-0", "0.000"])
def test_a_charge_without_a_list_price_costs_nothing(read, price):
    assert str(read(row(ListUnitPrice=price))[0][1].unit_price) == "0"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-13T07:00:00Z", "2026-01-13T08:00:00Z"),
        ("2026-01-13T07:00:00", "2026-01-13T08:00:00"),
        ("2026-01-13 07:00:00", "2026-01-13 08:00:00"),
        ("2026-01-13T09:00:00+02:00", "2026-01-13T10:00:00+02:00"),
        ("2026-01-13T02:00:00-05:00", "2026-01-13T08:00:00Z"),
        ("2026-01-13T12:30:00+05:30", "2026-01-13T13:30:00+05:30"),
        ("2026-01-13T07:00:00.000Z", "2026-01-13T08:00:00.000Z"),
        (" 2026-01-13T07:00Z ", "2026-01-13T08:00Z"),
    ],
)
def test_times_of_a_focus_export_are_utc_with_or_without_a_zone(read, start, end):
    assert read(at(start, end))[0][1].hour == hour_at(JANUARY, 13, 7)


def test_the_last_charge_of_a_month_ends_in_the_next_month(read):
    ((_, charge),) = read(at("2026-01-31T23:00:00Z", "2026-02-01T00:00:00Z"))

    assert charge.hour == Month(2026, 2).start_hour - 1


@pytest.mark.parametrize("currency", ["EUR", "NULL", ""])
def test_the_pricing_currency_of_focus_1_2_may_be_the_organizations_or_empty(read, currency):
    assert isinstance(read(row(PricingCurrency=currency))[0][1], Charge)


def test_category_and_class_of_a_charge_may_have_any_case(read):
    assert isinstance(read(row(ChargeCategory="USAGE"))[0][1], Charge)
    assert read(row(ChargeClass="CORRECTION"))[0][1] == Refused("correction")


def test_columns_of_a_focus_export_may_come_in_any_order_with_others_between(read):
    columns = sorted([*USUAL, "Tags", "x_ours"], reverse=True)

    assert isinstance(read(hour(7), columns=columns)[0][1], Charge)

"""Numbers, days and times from outside are read within bounds, by three modules of `domain`.

Sixty characters of a URL were a number of sixty megabytes. So whatever makes a number of something is found
here, and stands below: what it is made of is our own arithmetic, or a sum of the database's.
"""

import ast
from collections.abc import Iterator

import pytest

from portal.config import ROOT

PORTAL = ROOT / "portal"
FILES = sorted(
    path.relative_to(PORTAL).as_posix()
    for path in PORTAL.rglob("*.py")
    if not {"sandbox", "demo"} & set(path.relative_to(PORTAL).parts)  # these talk to nobody but a developer
)
NUMBERS = {"Decimal", "int", "float", "complex", "Fraction"}
# Readers of days, times and JSON; what tells a digit takes those of every script.
OTHERS = {"fromisoformat", "strptime", "fromtimestamp", "loads", "get_json", "JSONDecoder"} | {
    "isdigit", "isdecimal", "isnumeric",
}  # fmt: skip
DOORS = {
    "domain/numbers.py": {"Decimal(text)", "int(text)"},
    "domain/instants.py": {"dt.datetime.fromisoformat", "dt.date.fromisoformat"},
    "domain/strict_json.py": {"json.JSONDecoder"},
}
OURS = {
    "access/idempotency.py": {"int(_WAIT_SECONDS_MAX / _LOOK_EVERY_SECONDS)"},
    "access/throttle.py": {"int((began_at + WINDOW - now).total_seconds())"},
    "account/directory.py": {"key.isdigit"},  # a customer number, which is compared as a text
    "audit_trail/routes.py": {"int"},  # the kind of a list's key, as in the next four
    "domain/slices.py": {"int"},
    "legal_invoices/routes.py": {"int"},
    "subscriptions/routes.py": {"int"},
    "tokens/routes.py": {"int"},
    "backup/postgres.py": {"int(path.parts[4])"},  # of a folder of PostgreSQL's
    "backup/manifest.py": {"json.loads"},  # signed by us
    "closing/verify.py": {
        "int(of_hours)", "int(high)", "int(low)", "int(cents or 0)", "int(number.rpartition('-')[2])",
    },
    "closing/verify_vat.py": {"int(net)"},  # a sum of SQL's
    "migrating/comparison.py": {"json.loads"},  # a file of the portal's own
    "domain/currencies.py": {"int(minor_units)", "minor_units.isdigit"},  # of the standard's own table
    "domain/money.py": {"Decimal(self.cents)"},
    "domain/period.py": {
        "int((instant - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(hours=1))",
        "dt.datetime.fromtimestamp",
        "int(match[1])",  # four digits
        "int(match[2])",  # and two
    },
    "domain/rating.py": {
        "Decimal(f'{sign}{whole}.{digits}' if digits else f'{sign}{whole}')",
        "int(10 ** (NANO_DECIMALS + PICO_DECIMALS - exponent_of(currency)))",
        "int(_EXACT.quantize(price.scaleb(PICO_DECIMALS, _EXACT), Decimal(1)))",
        "int(rounded.scaleb(NANO_DECIMALS, _ROUNDING))",
    },
    "domain/secrets.py": {  # of what has the length of a card's or an account's number
        "int(letter, 36)", "int(letter)", "letter.isdigit",
        "int(''.join((str(int(letter, 36)) for letter in plain[4:] + plain[:4])))",
    },
    "domain/vat_rates.py": {"tomllib.loads"},
    "domain/vat_texts.py": {"tomllib.loads"},
    "gateways/easybill.py": {"int(document.id)", "int(document_id)", "document_id.isdecimal"},  # see `id_of`
    "gateways/easybill_http.py": {"int(number)"},
    "gateways/easybill_shapes.py": {
        "Decimal(each)", "int(amount.cents * 10 ** (_HUNDREDTHS_DECIMALS - decimals))",
        "int(draft.refers_to_id)", "int(customer_id)",
    },
    "gateways/invoicing.py": {"int(minor)"},
    "gateways/stripe.py": {"int(at.timestamp())"},
    "health/readiness.py": {"int(revision)", "int(needed)", "revision.isdigit"},  # of the schema
    "ledger/audit_heads.py": {"json.loads"},  # of our own log
    "ledger/completeness.py": {"int(missing)", "int(hours)"},
    "ledger/usage_rows.py": {"int(delta_nano)"},
    "ledger/usage_sums.py": {"int(high)", "int(low)"},
    "openapi/common.py": {"tomllib.loads"},
    "openapi/refusals.py": {"int(key)"},  # of our own description
    "serving/channel.py": {"int(consumed)"},
    "storage/types.py": {"int(value)"},
    "usage/chart.py": {"Decimal(step)", "int((tick * _TICKS).scaleb(exponent_of(currency)))"},
    "usage/comparison.py": {"Decimal(cents - before)", "Decimal(before)"},
    "web/filters.py": {"Decimal(cents)", "Decimal(int(number))", "int(number)"},
    "web/lists.py": {"int"},  # a kind that is compared
    "web/log.py": {"dt.datetime.fromtimestamp"},
    "web/shapes.py": {"Decimal"},  # a type that is looked up
}  # fmt: skip
ALLOWED = DOORS | OURS


def readers_in(source: str) -> set[str]:
    """Return what makes a number, a day or a time of something, and what is given the means to."""
    tree = ast.parse(source)
    types = {id(part) for node in ast.walk(tree) for named in _types_of(node) for part in ast.walk(named)}
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = set()
    for node in ast.walk(tree):
        name = "" if isinstance(node, ast.Call) else _name_of(node)
        is_reader = name in NUMBERS | OTHERS and isinstance(getattr(node, "ctx", None), ast.Load)
        if not is_reader or id(node) in types:
            continue
        call = calls.get(id(node))
        if call is None or name in OTHERS:
            found.add(ast.unparse(node))
        elif not _is_of_ours_alone(call):
            found.add(ast.unparse(call))
    return found


def _types_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that name types."""
    for name in ("annotation", "returns"):
        if getattr(node, name, None) is not None:
            yield getattr(node, name)
    if isinstance(node, ast.Subscript):
        yield node.slice
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"isinstance", "cast"}:
        yield from (each for each in node.args if not isinstance(each, ast.Call))


def _is_of_ours_alone(call: ast.Call) -> bool:
    """Tell a constant, or whether something is so."""
    return bool(call.args) and all(
        isinstance(each, ast.Constant | ast.Compare)
        or (isinstance(each, ast.UnaryOp) and isinstance(each.op, ast.Not))
        or _name_of(each).startswith(("is_", "has_"))
        for each in call.args
    )


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return _name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_every_module_that_may_make_numbers_exists():
    assert ALLOWED.keys() <= set(FILES)


@pytest.mark.parametrize("path", FILES)
def test_nothing_from_outside_becomes_a_number_but_by_the_bounded_readers(path):
    assert readers_in((PORTAL / path).read_text()) - ALLOWED.get(path, set()) == set()


@pytest.mark.parametrize("path", ALLOWED)
def test_nothing_may_make_a_number_that_makes_none(path):
    assert ALLOWED[path] - readers_in((PORTAL / path).read_text()) == set()


@pytest.mark.parametrize(
    "source",
    [
        "Decimal(text)",
        "decimal.Decimal(request.args['price'])",
        "json.loads(body, parse_float=Decimal)",
        "args.argument('price', Decimal, 'is no number')",
        "click.option('--every', type=int)",
        "[int(part) for part in parts]",
        "map(float, parts)",
        "Fraction(text)",
        "dt.date.fromisoformat(text)",
        "parsed('day', text, dt.date.fromisoformat)",
        "dt.datetime.strptime(text, '%Y')",
        "request.get_json()",
        "text.isdigit()",
        "int(request.form['cast'])",
    ],
)
def test_the_search_for_readers_of_numbers_finds_a_second_reader(source):
    assert readers_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "Decimal('0.01')",
        "int(count is not None) + int(not is_known) + int(clock.is_stopped) + int(is_behind(schema))",
        "def day(number: int) -> Decimal: ...",
        "isinstance(value, int | Decimal)",
        "cast(int, value)",
        "number: dict[str, int] = {}",
        "decimal_of(text)",
    ],
)
def test_the_search_for_readers_of_numbers_leaves_types_and_constants_alone(source):
    assert readers_in(source) == set()

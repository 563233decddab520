"""The operator's part of the walk: every help text, what lists and proves, what makes, runs of the clock."""

from collections.abc import Iterator, Sequence

from tests.compare.reads import HTML, Step, step

_WALK = "walk@walk.example"
_ORGANIZATION = (
    "directory add-organization Walk --street Weg --city Ulm --postal-code 89073 --email w@walk.example"
)
_LINES = f"""
billing verify
billing parked
billing stuck
billing nothing
stripe events
nothing
{_ORGANIZATION} --country DE --currency EUR
{_ORGANIZATION} --country de --currency EUR
{_ORGANIZATION} --country DE --currency XXX1
{_ORGANIZATION} --country DE
directory add-account {_WALK} --name W --password a-good-password-1
directory add-account {_WALK} --name W --password a-good-password-1
directory add-account weak@walk.example --name W --password short
directory add-member {_WALK} --organization 10006 --preset viewer
directory add-member {_WALK} --organization 10006 --preset admin
directory add-member {_WALK} --organization 10006 --preset x
directory add-member {_WALK} --organization 1 --preset viewer
directory add-member {_WALK} --organization x --preset viewer
directory add-member unknown@walk.example --organization 10006 --preset viewer
directory add-token {_WALK} --organization 10006 --name t
directory add-collector second
catalogue set-price gpu --currency EUR --price 1.5
catalogue set-price gpu --currency EUR --price x
catalogue set-price gpu --currency EUR --price 0.0000000000001
catalogue set-price gpu --currency EUR --price -1
catalogue set-price gpu --currency EURO --price 1
catalogue set-price gpu --currency EUR --price 1 --since x
catalogue subscribe gpu --organization 10006 --since 2026-03-01T00:00Z
catalogue subscribe none --organization 10006 --since 2026-03-01T00:00Z
catalogue subscribe gpu --organization 10006 --since 2026-03-01T00:30Z
directory remove-member {_WALK} --organization 10006
directory remove-member {_WALK} --organization 10006
billing release 10003 2026-02
billing release 10003 x
billing release 10003 2026-01
billing parked
billing retry 10002
billing retry
billing stuck
billing tick --now 2026-03-10T13:00Z
billing tick --now 2026-04-04T06:00Z
billing tick --now x
stripe work --now 2026-04-04T06:10Z
stripe reconcile --all --now 2026-04-04T06:20Z
stripe events
billing stuck
billing parked
billing verify
"""


def all_commands(commands: Sequence[Sequence[str]]) -> Iterator[Step]:
    """Yield the commands, and in the end what they left at EasyBill and in the mails."""
    for words in commands:
        yield _command([*words, "--help"])
    for line in _LINES.strip().split("\n"):
        yield _command(line.split())
    yield step("nobody", "GET", "/demo/mails", headers=HTML)
    documents = (f"/documents?limit=20&page={page}&sort=id" for page in range(1, 4))
    for path in (*documents, "/customers?limit=100"):
        yield {"name": f"at EasyBill: {path}", "stand_in": path}


def _command(words: Sequence[str]) -> Step:
    return {"name": f"$ flask {' '.join(words)}", "command": [*words]}

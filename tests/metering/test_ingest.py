"""Collectors report usage over HTTP: all of a batch or nothing, in any order, as often as they like."""

import gzip
import json
import threading
from collections import defaultdict

import pytest
from sqlalchemy import select, update

from portal.access import identity
from portal.account.directory import add_collector
from portal.domain.access import Preset
from portal.domain.period import HOURS_A_DAY, start_of_hour
from portal.models import Collector, Metering, UsageCorrection, UsageDay, UsageHour
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    hour_at,
    make_member,
    make_organization,
    make_product,
    make_subscription,
    make_token,
)
from tests.months import close
from tests.page import JSON, bearer, client_of

URL = "/billing/usage"
UNIT = 10**9
MEBIBYTE = 1024 * 1024
NDJSON = "application/x-ndjson"


@pytest.fixture
def token(app):
    token = add_collector("region one", now=NOW)
    db.session.commit()
    return token


@pytest.fixture
def subscription(acme):
    return make_subscription(acme, make_product())


@pytest.fixture
def send(app, token):
    """Report entries as a collector does, with its token alone."""

    def send(entries, **options):
        options.setdefault("headers", {})
        options["headers"] = bearer(token) | options["headers"]
        options.setdefault("content_type", "application/json")
        body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        return client_of(app).post(URL, data=body, **options)

    return send


def entry(subscription, hour, quantity="1", revision=None):
    told = {
        "subscription_id": str(subscription.uid),
        "hour": f"{start_of_hour(hour):%Y-%m-%dT%H:%M:%SZ}",
        "quantity": quantity,
    }
    return told if revision is None else told | {"revision": revision}


def entries(subscription, count, quantity="1"):
    return [entry(subscription, hour_at(JANUARY, 1) + hour, quantity) for hour in range(count)]


def counts(new=0, same=0, replaced=0, corrections=0, stale=0, rounded=0):
    return {
        "new": new,
        "same": same,
        "replaced": replaced,
        "corrections": corrections,
        "stale": stale,
        "rounded": rounded,
    }


def took(response, **wanted):
    assert response.status_code == 200, response.text
    assert response.json == counts(**wanted)


def refused(response, status, code):
    assert response.status_code == status, response.text
    assert response.json["errors"][0]["code"] == code
    assert hours() == {}
    return response.json["errors"][0]


def reasons(response):
    return refused(response, 422, "validation_failed")["meta"]["validation_errors"]


def hours():
    rows = db.session.scalars(select(UsageHour)).all()
    return {(row.organization_id, row.hour, row.subscription_id): row.quantity_nano for row in rows}


def days_agree():
    sums = defaultdict(int)
    for (owner, hour, subscription), quantity in hours().items():
        sums[owner, hour // HOURS_A_DAY, subscription] += quantity
    rows = db.session.scalars(select(UsageDay)).all()
    return {(row.organization_id, row.day, row.subscription_id): row.quantity_nano for row in rows} == sums


# -- what is counted ----------------------------------------------------------------------------------
def test_a_first_batch_of_entries_is_new(send, subscription):
    took(send(entries(subscription, 30)), new=30)
    assert len(hours()) == 30
    assert days_agree()


def test_an_empty_batch_of_entries_is_accepted(send):
    took(send([]))


def test_a_repeated_batch_of_entries_counts_as_the_same(send, subscription):
    send(entries(subscription, 30))
    took(send(entries(subscription, 30)), same=30)


def test_another_quantity_of_an_entry_needs_a_higher_revision(send, subscription):
    hour = hour_at(JANUARY, 1)
    send([entry(subscription, hour, "1")])
    response = send([entry(subscription, hour + 1, "1"), entry(subscription, hour, "2")])
    assert response.status_code == 422
    told = response.json["errors"][0]["meta"]["validation_errors"]
    assert told == {"entries[1]": ["differs from what is known of the same revision"]}
    took(send([entry(subscription, hour, "2", 1)]), replaced=1)
    assert list(hours().values()) == [2 * UNIT]


def test_every_outcome_of_an_entry_is_counted(send, subscription, acme):
    hour = hour_at(FEBRUARY, 1)
    send([entry(subscription, hour_at(JANUARY, 1), "1"), entry(subscription, hour, "1", 5)])
    send([entry(subscription, hour + 1, "1"), entry(subscription, hour + 2, "1")])
    close(now=FEBRUARY.ends_at, grace_days=0)
    open_hour = hour_at(MARCH, 1)
    send([entry(subscription, open_hour, "1", 3), entry(subscription, open_hour + 1, "1", 3)])
    batch = [
        entry(subscription, hour_at(JANUARY, 1), "4", 1),  # a correction
        entry(subscription, hour, "9", 4),  # stale
        entry(subscription, hour + 1, "1"),  # the same
        entry(subscription, hour + 3, "0.00000000049", 1),  # a correction of nothing, rounded
        entry(subscription, open_hour, "2", 4),  # replaced
        entry(subscription, open_hour + 1, "2", 1),  # stale
        entry(subscription, open_hour + 2, "0.33333333333"),  # new, rounded
    ]
    took(send(batch), new=1, same=2, replaced=1, corrections=1, stale=2, rounded=2)
    deltas = db.session.scalars(
        select(UsageCorrection.delta_nano).where(UsageCorrection.delta_nano != 0)
    ).all()
    assert deltas == [3 * UNIT]


def test_quantities_of_entries_may_be_numbers_and_are_never_floats(send, subscription):
    told = ["1e-05", "0.1", "9999999.999999999"]  # Python writes a small float with an exponent
    batch = [
        json.dumps(entry(subscription, hour_at(JANUARY, 1, at), "@")).replace('"@"', number)
        for at, number in enumerate(told)
    ]
    took(send(f"[{', '.join(batch)}]".encode()), new=3)
    assert sorted(hours().values()) == [10**4, 10**8, 10**16 - 1]


# -- bodies -------------------------------------------------------------------------------------------
def lines(batch, end="\n"):
    return end.join(json.dumps(each) for each in batch).encode()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n \n"])
def test_ndjson_of_one_entry_per_line_is_accepted(send, subscription, end):
    took(send(lines(entries(subscription, 3), end) + end.encode(), content_type=NDJSON), new=3)


def test_lines_of_ndjson_end_at_newlines_alone(send, subscription):
    """U+2028 and U+0085 may stand in a JSON text: they end no line."""
    odd = json.dumps(entry(subscription, hour_at(JANUARY, 1)) | {"a\u2028\u0085b": 1}, ensure_ascii=False)
    told = reasons(send(odd.encode(), content_type=NDJSON))
    assert told == {
        "entries[0]": [
            "a\u2028\u0085b is not known here: an entry has hour, quantity, revision, subscription_id"
        ]
    }


def test_an_empty_ndjson_body_is_accepted(send):
    took(send(b"", content_type=NDJSON))


@pytest.mark.parametrize("kind", ["application/json", NDJSON])
def test_a_batch_of_entries_may_be_packed_with_gzip(send, subscription, kind):
    batch = entries(subscription, 40)
    body = gzip.compress(lines(batch) if kind == NDJSON else json.dumps(batch).encode())
    took(send(body, content_type=kind, headers={"Content-Encoding": "gzip"}), new=40)


def test_a_charset_in_the_content_type_of_a_batch_is_accepted(send, subscription):
    took(send(entries(subscription, 1), content_type="application/json; charset=utf-8"), new=1)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "application/gzip", ""],
)
def test_a_batch_of_another_content_type_is_415(send, subscription, kind):
    response = send(entries(subscription, 1), content_type=kind)
    refused(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("packing", ["br", "deflate", "gzip, gzip", "zstd"])
def test_a_batch_in_a_packing_other_than_gzip_is_415(send, subscription, packing):
    response = send(entries(subscription, 1), headers={"Content-Encoding": packing})
    refused(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,]",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e400]",
        b"[1] trailing",
        b"[" * 100_000,
        b'[{"hour": 1, "hour": 2}]',
        b'["\xff"]',
        b'["\n"]',
        b"\xef\xbb\xbf[]",
        "[]".encode("utf-16"),
        b"[" + b"1" * 41 + b"]",
        b"[0." + b"1" * 41 + b"]",
        b"{}",
        b"null",
        b'"text"',
        b"1",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_batch_that_is_no_json_array_is_400(send, body):
    refused(send(body), 400, "bad_request")


def test_a_broken_line_of_ndjson_is_400(send, subscription):
    body = lines(entries(subscription, 2)) + b"\n{"
    refused(send(body, content_type=NDJSON), 400, "bad_request")


def packed(body):
    return gzip.compress(json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not gzip",
        packed([])[:-1],
        packed([])[:-9],
        packed([])[:12],
        packed([]) + b"more",
        packed([]) + packed([]),
        packed([])[:-8] + b"\0" * 8,
    ],
    ids=["empty", "plain", "no last byte", "no end", "a header", "more", "twice", "another checksum"],
)
def test_a_batch_of_incomplete_gzip_is_400(send, body):
    refused(send(body, headers={"Content-Encoding": "gzip"}), 400, "bad_request")


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "packed"])
def test_sixteen_mebibytes_of_a_batch_are_read_and_not_a_byte_more(send, subscription, is_packed):
    body = json.dumps(entries(subscription, 2)).encode()
    full = body + b" " * (16 * MEBIBYTE - len(body))
    headers = {"Content-Encoding": "gzip"} if is_packed else {}
    pack = gzip.compress if is_packed else bytes
    refused(send(pack(full + b" "), headers=headers), 413, "payload_too_large")
    took(send(pack(full), headers=headers), new=2)


def test_a_gzip_bomb_of_usage_is_not_unpacked(send):
    bomb = gzip.compress(b" " * (128 * MEBIBYTE))
    assert len(bomb) < MEBIBYTE
    refused(send(bomb, headers={"Content-Encoding": "gzip"}), 413, "payload_too_large")


# -- all or nothing -----------------------------------------------------------------------------------
def test_a_single_bad_entry_refuses_its_batch_and_is_named_by_its_index(send, subscription):
    batch = entries(subscription, 30)
    batch[17]["quantity"] = "-1"
    response = send(batch)
    assert reasons(response) == {"entries[17]": ["quantity is negative"]}
    assert response.json["errors"][0]["field"] == "entries[17]"


def test_every_bad_entry_of_a_batch_is_named(send, subscription):
    batch = entries(subscription, 6)
    batch[0] = "text"
    batch[2] = batch[2] | {"organization_id": "1"}
    batch[4] = batch[4] | {"hour": "2026-01-01T00:30:00Z"}
    batch[5] = batch[5] | {"revision": "1"}
    assert reasons(send(batch)) == {
        "entries[0]": ["is not a JSON object"],
        "entries[2]": [
            "organization_id is not known here: an entry has hour, quantity, revision, subscription_id"
        ],
        "entries[4]": ["hour is not a whole hour in UTC"],
        "entries[5]": ["revision is not a whole number from 0 to 1073741824"],
    }


def test_a_thousand_bad_entries_are_named_and_the_others_counted(send):
    told = reasons(send([{}] * 1_500))
    assert len(told) == 1_001
    assert told["entries"] == ["500 more cannot be taken"]


def test_an_entry_of_a_subscription_that_does_not_exist_is_refused(send, subscription, mallory):
    stranger = entry(subscription, hour_at(JANUARY, 1)) | {"subscription_id": str(mallory.uid)}
    assert reasons(send([*entries(subscription, 1), stranger])) == {
        "entries[1]": ["subscription_id is unknown"]
    }


@pytest.mark.parametrize(("hour", "is_inside"), [(-1, False), (0, True), (9, True), (10, False)])
def test_an_entry_of_an_hour_outside_its_subscription_is_refused(send, acme, hour, is_inside):
    start = FEBRUARY.start_hour
    short = make_subscription(acme, make_product(), since=FEBRUARY, end_hour=start + 10)
    response = send([entry(short, start + hour)])
    if is_inside:
        took(response, new=1)
    else:
        assert reasons(response) == {"entries[0]": ["hour is outside the subscription"]}


def test_an_entry_of_a_time_priced_subscription_is_refused(send, acme):
    timed = make_subscription(acme, make_product(metering=Metering.TIME))
    assert reasons(send([entry(timed, hour_at(JANUARY, 1))])) == {
        "entries[0]": ["subscription_id is billed by time: its entries come from the clock"]
    }


def test_a_batch_of_fifty_thousand_entries_is_accepted_and_of_one_more_refused(send, subscription):
    body = lines(entries(subscription, 1) * 50_001)
    told = reasons(send(gzip.compress(body), content_type=NDJSON, headers={"Content-Encoding": "gzip"}))
    assert told == {"entries": ["are more than 50000"]}
    took(send(lines(entries(subscription, 1) * 50_000), content_type=NDJSON), new=1, same=49_999)


# -- duplicates and revisions -------------------------------------------------------------------------
def test_an_entry_that_a_batch_repeats_counts_as_the_same(send, subscription):
    took(send(entries(subscription, 2) * 3), new=2, same=4)


def test_a_batch_that_contradicts_itself_is_refused(send, subscription):
    hour = hour_at(JANUARY, 1)
    batch = [entry(subscription, hour, "1"), entry(subscription, hour + 1), entry(subscription, hour, "2")]
    assert reasons(send(batch)) == {"entries[2]": ["contradicts another entry of this batch"]}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_contradictory_batch_is_refused_even_if_a_higher_revision_is_in_it(send, subscription, place):
    hour = hour_at(JANUARY, 1)
    batch = [entry(subscription, hour, "1"), entry(subscription, hour, "2")]
    batch.insert(place, entry(subscription, hour, "3", 1))
    index = 2 if place < 2 else 1
    assert reasons(send(batch)) == {f"entries[{index}]": ["contradicts another entry of this batch"]}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_the_highest_revision_of_a_batch_counts_wherever_it_stands(send, subscription, order):
    hour = hour_at(JANUARY, 1)
    took(send([entry(subscription, hour, str(place + 1), place) for place in order]), new=1, stale=2)
    assert list(hours().values()) == [3 * UNIT]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_higher_of_two_revisions_in_two_batches_counts(send, subscription, order):
    hour = hour_at(JANUARY, 1)
    for revision in order:
        assert send([entry(subscription, hour, str(revision), revision)]).status_code == 200
    assert list(hours().values()) == [2 * UNIT]


def test_a_conflict_is_named_by_the_index_of_the_entry_that_counted(send, subscription):
    hour = hour_at(JANUARY, 1)
    send([entry(subscription, hour, "1", 2)])
    response = send([entry(subscription, hour, "9", 1), entry(subscription, hour, "5", 2)])
    assert response.json["errors"][0]["meta"]["validation_errors"] == {
        "entries[1]": ["differs from what is known of the same revision"]
    }


# -- organizations ------------------------------------------------------------------------------------
def test_a_batch_may_have_entries_of_several_organizations(send, subscription):
    other = make_organization("Other AG", currency="CHF")
    theirs = make_subscription(other, make_product(currency="CHF"))
    assert theirs.id == subscription.id
    hour = hour_at(JANUARY, 1)
    took(
        send([entry(theirs, hour, "7"), entry(subscription, hour, "1"), entry(theirs, hour + 1, "8")]), new=3
    )
    assert hours() == {
        (subscription.organization_id, hour, subscription.id): UNIT,
        (other.id, hour, theirs.id): 7 * UNIT,
        (other.id, hour + 1, theirs.id): 8 * UNIT,
    }
    assert days_agree()


def test_a_bad_entry_of_one_organization_refuses_the_entries_of_the_others_too(send, subscription):
    theirs = make_subscription(make_organization("Other AG"), make_product(), since=FEBRUARY)
    batch = [entry(subscription, hour_at(JANUARY, 1)), entry(theirs, hour_at(JANUARY, 1))]
    assert reasons(send(batch)) == {"entries[1]": ["hour is outside the subscription"]}


# -- who may ------------------------------------------------------------------------------------------
def test_a_collector_needs_no_csrf_token_and_gets_no_cookie(send, subscription):
    response = send(entries(subscription, 1))
    took(response, new=1)
    assert "Set-Cookie" not in response.headers


def test_a_collector_that_reports_often_is_not_throttled(send, monkeypatch):
    monkeypatch.setattr(identity, "_UNKNOWN_TOKENS_AN_HOUR", 2)
    for _ in range(5):
        took(send([]))


def test_the_use_of_a_collectors_token_is_noted(send, subscription):
    send(entries(subscription, 1))
    assert db.session.scalars(select(Collector.last_used_at)).one() == NOW


@pytest.mark.parametrize("preset", [Preset.ADMIN, Preset.VIEWER])
def test_a_members_token_may_not_report_usage(app, acme, subscription, preset):
    token = make_token(acme, make_member(acme, preset))
    response = client_of(app).post(URL, json=entries(subscription, 1), headers=bearer(token))
    refused(response, 403, "forbidden")


def test_a_member_who_is_signed_in_may_not_report_usage(admin, subscription):
    response = admin.post(URL, json=entries(subscription, 1), headers=JSON)
    refused(response, 403, "forbidden")


def test_a_collectors_token_counts_even_beside_a_members_cookie(admin, token, subscription):
    took(admin.post(URL, json=entries(subscription, 1), headers=bearer(token)), new=1)


@pytest.mark.parametrize("accept", [{}, JSON, {"Accept": "*/*"}], ids=["nothing", "json", "anything"])
def test_a_report_of_usage_without_a_token_is_401(nobody, subscription, accept):
    response = nobody.post(URL, json=entries(subscription, 1), headers=accept)
    refused(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_malformed_token_beside_a_members_cookie_is_401(admin, subscription):
    response = admin.post(URL, json=entries(subscription, 1), headers=bearer("junk"))
    refused(response, 401, "unauthorized")


@pytest.mark.parametrize("change", ["another one", "lower", "Basic", "empty", "in the address"])
def test_a_report_of_usage_with_a_wrong_token_is_401(nobody, subscription, token, change):
    headers = {
        "another one": bearer("bpk_" + "0" * 36),
        "lower": bearer(token.lower()),
        "Basic": {"Authorization": f"Basic {token}"},
        "empty": {"Authorization": "Bearer"},
        "in the address": {},
    }[change]
    url = f"{URL}?token={token}&access_token={token}" if change == "in the address" else URL
    refused(nobody.post(url, json=entries(subscription, 1), headers=headers), 401, "unauthorized")


def test_a_revoked_collector_is_401_at_once(send, subscription):
    took(send([]))
    db.session.execute(update(Collector).values(revoked_at=NOW))
    refused(send(entries(subscription, 1)), 401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", URL),
        ("GET", "/invoices"),
        ("GET", "/subscriptions"),
        ("GET", "/organizations/{}/invoices"),
        ("GET", "/organizations/{}/payment_methods"),
        ("POST", "/organizations/{}/payment_methods/payment_intent"),
        ("POST", "/organizations/{}/payment_methods/create_and_attach"),
    ],
)
def test_a_collectors_token_opens_nothing_else(app, acme, token, method, url):
    response = client_of(app).open(url.format(acme.uid), method=method, headers=bearer(token) | JSON)
    assert response.status_code == 401


# -- two at once --------------------------------------------------------------------------------------
@pytest.fixture
def as_clients(app):
    """Run functions of a client at once, each in a thread of its own."""

    def run(*jobs):
        db.session.commit()
        start = threading.Barrier(len(jobs))
        failures = []

        def work(job):
            try:
                start.wait()
                job(app.test_client())
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        app.test_client_class = None
        threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        db.session.expire_all()

    return run


def test_two_collectors_at_once_on_the_same_hours_lose_nothing_and_do_not_deadlock(
    app, acme, token, as_clients
):
    other = make_organization("Other AG")
    product = make_product()
    subscriptions = [make_subscription(owner, product) for owner in (acme, other, acme, other)]
    second = add_collector("region two", now=NOW)
    hours_wanted = range(hour_at(JANUARY, 1), hour_at(JANUARY, 3))
    uids = [str(each.uid) for each in subscriptions]
    at = {hour: f"{start_of_hour(hour):%Y-%m-%dT%H:%M:%SZ}" for hour in hours_wanted}

    def reporter(collector, order):
        def report(client):
            for revision in range(6):
                batch = [
                    {
                        "subscription_id": uid,
                        "hour": at[hour],
                        "quantity": str(revision),
                        "revision": revision,
                    }
                    for uid in uids[::order]
                    for hour in hours_wanted[::order]
                ]
                for start in (0, 100):
                    answer = client.post(URL, json=batch[start : start + 100], headers=bearer(collector))
                    assert answer.status_code == 200, answer.text

        return report

    as_clients(reporter(token, 1), reporter(second, -1), reporter(token, -1))
    assert hours() == {
        (each.organization_id, hour, each.id): 5 * UNIT for each in subscriptions for hour in hours_wanted
    }
    assert days_agree()


def test_a_month_that_is_closed_while_usage_comes_in_keeps_every_hour_once(
    app, acme, token, subscription, as_clients
):
    uid = str(subscription.uid)
    at = [f"{start_of_hour(hour_at(JANUARY, 1) + hour):%Y-%m-%dT%H:%M:%SZ}" for hour in range(200)]

    def report(client):
        for start in range(0, 200, 10):
            batch = [{"subscription_id": uid, "hour": each, "quantity": 1} for each in at[start : start + 10]]
            assert client.post(URL, json=batch, headers=bearer(token)).status_code == 200

    def close_often(client):
        for _ in range(10):
            with client.application.app_context():
                close(now=JANUARY.ends_at, grace_days=0)

    as_clients(report, close_often)
    late = db.session.scalars(select(UsageCorrection)).all()
    assert sum(hours().values()) + sum(row.delta_nano for row in late) == 200 * UNIT
    assert not {row.hour for row in late} & {hour for _, hour, _ in hours()}
    assert days_agree()

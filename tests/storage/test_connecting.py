"""A connection has what its address says beside what the portal needs."""

from portal.storage.database import probe_engine


def test_options_in_the_address_are_kept_beside_ours(postgres_url):
    with probe_engine(f"{postgres_url}?options=-csearch_path%3Delsewhere").connect() as connection:
        told = [
            connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("search_path", "timezone", "lock_timeout", "statement_timeout")
        ]
    assert told == ["elsewhere", "UTC", "10s", "2s"]

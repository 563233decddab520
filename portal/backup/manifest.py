"""The manifest beside a backup: its length and hash, signed, so that what is restored is what was made."""

import datetime as dt
import hashlib
import json
import os
from pathlib import Path

from portal.domain.errors import BillingError
from portal.domain.keys import Keys

_PURPOSE = "backup"


class ManifestError(BillingError):
    """The backup is not vouched for by its manifest."""


def path_of(backup: Path) -> Path:
    return backup.with_name(f"{backup.name}.manifest")


def write(file: Path, backup: Path, keys: Keys, *, now: dt.datetime) -> None:
    """Vouch for a file that will be the backup; its manifest appears whole or not at all."""
    facts = {"file": backup.name, **_measured(file), "made_at": now.isoformat(timespec="seconds")}
    fresh = backup.with_name(f".{backup.name}.manifest.partial")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    with fresh.open("w") as written:
        json.dump(facts | {"signature": keys.sign(_PURPOSE, _text(facts))}, written, indent=2)
        written.write("\n")
        written.flush()
        os.fsync(written.fileno())
    fresh.replace(path_of(backup))


def check(backup: Path, keys: Keys) -> None:
    """Refuse a backup that is not the file for which its manifest vouches; its name may be another."""
    path = path_of(backup)
    try:
        facts = dict(json.loads(path.read_text()))
        signature = facts.pop("signature")
    except FileNotFoundError as error:
        raise ManifestError(
            f"There is no {path}: nobody vouches for this backup. `--unsigned` restores it all the same."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{path} is no manifest.") from error
    if not isinstance(signature, str) or not keys.vouch_for(_PURPOSE, _text(facts), signature):
        raise ManifestError(f"{path} was not signed with AUDIT_KEY or one of AUDIT_KEY_FALLBACKS.")
    if _measured(backup) != {name: facts[name] for name in ("bytes", "sha256")}:
        raise ManifestError(f"{backup} is not the file that was backed up: its manifest says another hash.")


def _measured(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": file.tell()}


def _text(facts: dict[str, object]) -> str:
    return json.dumps(facts, sort_keys=True)

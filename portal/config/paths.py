"""Where the portal's own files are: beside `portal/` in a checkout, within it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_PACKED = _PACKAGE / "packed"  # in a wheel: what a checkout has beside portal/
ROOT = _PACKED if _PACKED.is_dir() else _PACKAGE.parent  # of templates, static and migrations
VAR = (Path.cwd() if _PACKED.is_dir() else ROOT) / "var"  # unless PORTAL_VAR says otherwise

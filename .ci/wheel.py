"""Packs into the wheel what lies beside `portal/` in a checkout, so that a wheel serves as well."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PACKED = ("templates", "static", "migrations")  # read from `portal.config.ROOT`


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling calls it before it builds a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":  # which reads them where they are
            return
        build_data["force_include"] |= {name: f"portal/packed/{name}" for name in _PACKED}
        build_data["force_include"]["wsgi.py"] = "wsgi.py"

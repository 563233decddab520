"""Groups of commands that are imported when they are called, and run in the portal that is made then."""

from collections.abc import Sequence
from importlib import import_module

import click
from flask import current_app

MAKE_APP = "portal.make_app"  # in the extensions of an app that only lists commands


class LazyCommand(click.Command):
    """The name and the help of a command, whose module is imported when it is called; it makes its portal."""

    def __init__(self, name: str, help_text: str, *, target: str) -> None:
        super().__init__(name, help=help_text)
        self._target = target

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self._target.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        return self.load().make_context(info_name, args, parent, **extra)


class LazyGroup(click.Group):
    """The name and the help of a group; whoever calls it gets the group itself.

    `target` is the module and the name of the group in it; the modules `more` add commands to it.
    """

    def __init__(self, name: str, help_text: str, *, target: str = "", more: Sequence[str] = ()) -> None:
        super().__init__(name, help=help_text)
        self._target = target or f"portal.cli.{name}:group"
        self._more = more

    def load(self) -> click.Group:
        """Import the group and all of its commands."""
        module, _, name = self._target.partition(":")
        group = getattr(import_module(module), name)
        for each in self._more:
            import_module(each)
        assert isinstance(group, click.Group)
        group.help = self.help
        return group

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        make_app = current_app.extensions.get(MAKE_APP) if current_app else None
        if parent and make_app:
            parent.with_resource(make_app().app_context())
        return self.load().make_context(info_name, args, parent, **extra)

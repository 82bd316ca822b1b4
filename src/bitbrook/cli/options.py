"""Flags for settings: every setting is a flag of the verbs that start a server."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from bitbrook.settings import describe_settings


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes, besides its own, a flag for each setting.

    They arrive as keyword arguments by the settings' names, None where a flag was not given.
    """
    own = [
        parameter
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    flags = [
        inspect.Parameter(
            setting.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(
                    setting.flag,
                    help=setting.description + _default(setting.default),
                    show_default=False,
                    metavar=_metavar(setting.default),
                    rich_help_panel="Settings (also as BITBROOK_<NAME>, or in the file)",
                ),
            ],
        )
        for setting in describe_settings()
        if setting.name not in {parameter.name for parameter in own}
    ]

    def run(**given: Any) -> None:
        command(**given)

    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    signature = inspect.Signature(
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + flags
    )
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    return run


def _default(default: Any) -> str:
    return "" if default is None else f" (default {default})"


def _metavar(default: Any) -> str:
    return "NUMBER" if isinstance(default, int | float) else "TEXT"

"""What every family of commands stands in: its Typer application, the session, shared options.

Typer speaks English in usage lines and help; here its commands speak the terminal's language.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from monitor.errors import UsageError

if TYPE_CHECKING:
    from settings import Settings


CONFIG_VARIABLE = "VISIONSVAKT_CONFIG"
DEFAULT_FILE = "visionsvakt.toml"


def locate(option: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The configuration's path: the option, else $VISIONSVAKT_CONFIG, else ./visionsvakt.toml."""
    return option or Path(environment.get(CONFIG_VARIABLE) or DEFAULT_FILE)


@dataclass(frozen=True, slots=True)
class Session:
    """What stood before the command. The configuration is read when a command asks for it."""

    config: Path | None = None
    language: str = "sv"
    """The terminal's."""

    def settings(self) -> Settings:
        """The configuration; ConfigurationError where it is missing or wrong."""
        from settings import load

        return load(locate(self.config))

    def settings_if_any(self) -> Settings | None:
        """The same, or None where none was pointed out and ./visionsvakt.toml is not there."""
        pointed_out = self.config or os.environ.get(CONFIG_VARIABLE)
        return self.settings() if pointed_out or locate(None).exists() else None


def session(context: typer.Context) -> Session:
    """The session of this command line."""
    found = context.find_root().obj
    return found if isinstance(found, Session) else Session()


AsJson = Annotated[bool, typer.Option("--json", help="skriv ett JSON-dokument i stället för text")]


def said(ctx: Any, text: str) -> str:
    """A text of the help in the terminal's language."""
    from presentation.help import explained

    return explained(text, session(ctx).language)


class _Speaks:
    """Usage and help in the terminal's language, for a command and for a group."""

    help: str | None

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        _lighten(params)
        return params

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        arguments = [_argument(param, ctx) for param in _params(self, ctx, "argument")]
        words = [ctx.command_path, f"[{said(ctx, 'FLAGGA')} …]", *arguments]
        if isinstance(self, TyperGroup):
            words.append(f"{said(ctx, 'KOMMANDO')} …")
        formatter.write_text(f"{said(ctx, 'Användning')}: " + " ".join(words))

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(said(ctx, cleandoc(self.help or "")))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        arguments = [
            (_argument(one, ctx), said(ctx, one.help or ""))
            for one in _params(self, ctx, "argument")
        ]
        write_rows(formatter, said(ctx, "Argument"), arguments)
        options = [_option(one, ctx) for one in _params(self, ctx, "option")]
        write_rows(formatter, said(ctx, "Flaggor"), options)


def _params(command: Any, ctx: Any, kind: str) -> list[Any]:
    params = (one for one in command.get_params(ctx) if one.param_type_name == kind)
    return [one for one in params if not getattr(one, "hidden", False)]


def _argument(param: Any, ctx: Any) -> str:
    name = said(ctx, param.metavar or param.name.upper()) + (" …" if param.nargs != 1 else "")
    return name if param.required else f"[{name}]"


def _option(param: Any, ctx: Any) -> tuple[str, str]:
    if "--help" in param.opts:
        return "--help", said(ctx, "visa den här hjälpen")
    flags, space, value = param.get_help_record(ctx)[0].partition(" ")
    return f"{flags}{space}{said(ctx, value)}", said(ctx, param.help or "")


def _in_short(text: str) -> str:
    """The first sentence of a help."""
    sentence, dot, _ = " ".join(text.split()).partition(". ")
    return sentence + dot.strip()


def write_rows(formatter: Any, heading: str, rows: Sequence[tuple[str, str]]) -> None:
    """A part of the help: a heading and its rows; nothing where there are none."""
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)


class _Plain:
    """Turns words into str, int, Path or an Enum, and lists of them, as Typer's coercion would.

    Typer builds a pydantic adapter for each parameter, which costs every start 0.1 s of CPU. Where
    a later Typer keeps its coercion elsewhere, that is used, and only the time is lost.
    """

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if param.multiple or param.nargs == -1:
            return [self._one(one, param, ctx) for one in value or ()]
        return None if value is None else self._one(value, param, ctx)

    def _one(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            return self.kind(value)
        except ValueError:
            mend = "är inget heltal"
            if issubclass(self.kind, Enum):
                mend = f"finns inte; här finns {', '.join(str(one.value) for one in self.kind)}"
            raise typer.BadParameter(f"«{value}» {mend}", ctx=ctx, param=param) from None


def _lighten(params: Sequence[Any]) -> None:
    for param in params:
        annotation = getattr(getattr(param, "type_descriptor", None), "annotation", None)
        one = get_args(annotation)[0] if get_origin(annotation) is list else annotation
        known = isinstance(one, type) and issubclass(one, bool | str | int | Path | Enum)
        if known and hasattr(param, "_runtime_param"):
            param._runtime_param = _Plain(cast("type[Any]", one))


class Command(_Speaks, TyperCommand):
    """One command."""


class Group(_Speaks, TyperGroup):
    """Several commands under one word, like `quarantine list`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, known = args[0], self.list_commands(ctx)
        if not name.startswith("-") and name not in known:
            near = get_close_matches(name, known, n=1)
            mend = f"menade du «{near[0]}»?" if near else f"se «{ctx.command_path} --help»"
            raise UsageError(f"kommandot «{name}» finns inte; {mend}")
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        rows = [
            (name, _in_short(said(ctx, cleandoc(command.help or ""))))
            for name, command in self.commands.items()
        ]
        write_rows(formatter, said(ctx, "Kommandon"), rows)


class Family(typer.Typer):
    """The commands of one file, or of one word: `Family("quarantine", help=…)`."""

    def __init__(self, name: str | None = None, help: str | None = None) -> None:
        super().__init__(
            name=name,
            help=help,
            cls=Group,
            add_completion=False,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
        )

    def command(self, name: str | None = None, **more: Any) -> Callable[[Any], Any]:
        more.setdefault("cls", Command)
        return super().command(name, **more)

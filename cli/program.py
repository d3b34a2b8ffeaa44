"""The command line: which commands there are, and how every way of failing reaches the terminal.

Exit status: 0 done; 1 done, but something failed, was suspect or did not verify; 2 wrong usage,
configuration or name: one line on standard error, nothing on standard output. Never a traceback,
unless $VISIONSVAKT_DEBUG asks for one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command, get_group

from cli.frame import Group, Session, said, session, write_rows
from cli.spoken import terminal_language
from monitor.errors import UsageError, VisionsvaktError

DEBUG_VARIABLE = "VISIONSVAKT_DEBUG"


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: its word, the module that has it (imported when asked for), one line of help."""

    name: str
    module: str
    help: str


COMMANDS: tuple[Entry, ...] = (
    Entry("init", "cli.init", "skriv en kommenterad konfiguration"),
    Entry("extract", "cli.reading", "visa vad som går att läsa ur en fil eller sida; sparar inget"),
    Entry("diff", "cli.reading", "jämför två filer eller sidor; sparar inget"),
    Entry("check", "cli.work", "titta nu, vad tidtabellen än säger"),
    Entry("run", "cli.work", "arbeta: tidtabell, hämtningar, utskick, hälsoadresser"),
    Entry("import", "cli.keeping", "fyll på med gamla hämtningar ur filer och mappar"),
    Entry("changes", "cli.asking", "lista ändringarna"),
    Entry("history", "cli.asking", "visa en insats hela liv"),
    Entry("show", "cli.asking", "visa sidans insatser nu, eller som de stod då"),
    Entry("compare", "cli.asking", "jämför en sida som den stod vid två tider"),
    Entry("search", "cli.auditing", "sök i alla versioner av alla insatser"),
    Entry("coverage", "cli.auditing", "hur ofta vi har tittat, och längsta stunden utan"),
    Entry("export", "cli.auditing", "skriv insatser eller ändringar till en fil"),
    Entry("dossier", "cli.auditing", "skriv en insats hela liv som en sida att spara"),
    Entry("deliver", "cli.work", "skicka det som ska ut nu"),
    Entry("deliveries", "cli.work", "vad som har sagts till vem; gör om det som dog"),
    Entry("preview", "cli.telling", "visa sammandraget som en prenumeration skulle få"),
    Entry("replay", "cli.telling", "köa ändringar från förr för en ny prenumeration"),
    Entry("quarantine", "cli.deciding", "det som väntar på granskning"),
    Entry("decide", "cli.deciding", "rätta vem som är vem"),
    Entry("doctor", "cli.doctor", "pröva varje del på riktigt, och säg vad som hjälper"),
    Entry("rebuild", "cli.keeping", "härled allt igen ur det som är sparat"),
    Entry("verify", "cli.storing", "pröva att allt som är sparat håller"),
    Entry("backup", "cli.storing", "kopiera lagret till en fil"),
    Entry("restore", "cli.storing", "återställ lagret ur en kopia"),
    Entry("forget", "cli.storing", "radera en mottagares adress"),
    Entry("pages", "cli.storing", "ge en sida ett nytt id"),
    Entry("demo", "cli.demo", "visa allt på en liten påhittad stads sida"),
)


class Commands(Group):
    """The whole program. A module is imported only when one of its commands is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for entry in COMMANDS:
            if entry.name == cmd_name:
                return get_group(import_module(entry.module).app).commands[cmd_name]
        return None

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super(Group, self).format_options(ctx, formatter)
        rows = [(entry.name, said(ctx, entry.help)) for entry in COMMANDS]
        write_rows(formatter, said(ctx, "Kommandon"), rows)


application = typer.Typer(
    name="visionsvakt",
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@application.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FIL",
            help="konfigurationen; annars $VISIONSVAKT_CONFIG, annars ./visionsvakt.toml",
        ),
    ] = None,
) -> None:
    """Ser på kommunens visionssidor och berättar när något på dem ändras i sak."""
    context.obj = replace(session(context), config=config)


def run(arguments: Sequence[str] | None = None) -> int:
    """One command line, from words to exit status. Whatever fails ends as one line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    language = terminal_language(words)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        if not words:
            raise UsageError("säg vad som ska göras; se «visionsvakt --help»")
        result = get_command(application).main(
            words, "visionsvakt", standalone_mode=False, obj=Session(language=language)
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except VisionsvaktError as error:
        status = 2 if isinstance(error, UsageError) else 1
        return _say(error, f"visionsvakt: {error}", status, language)
    except typer.TyperException as error:
        return _say(error, usage_line(error), 2, language)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; nothing more is to be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        text = " ".join(str(error).split())
        mend = f"sätt {DEBUG_VARIABLE}=1 och kör igen för att se var, och rapportera det"
        line = f"visionsvakt: oväntat fel ({type(error).__name__}: {text}); {mend}"
        return _say(error, line, 1, language)


def _say(error: Exception, line: str, status: int, language: str) -> int:
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        traceback.print_exception(error)
    from presentation.errors import in_language

    print(in_language(" ".join(line.split()), language), file=sys.stderr)
    return status


def usage_line(error: Any) -> str:
    """What Typer found wrong with the words of a command line, as one line of Swedish."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "visionsvakt"
    option = getattr(error, "option_name", "")
    match type(error).__name__:
        case "NoSuchOption":
            near = error.possibilities or ()
            text = f"flaggan {option} finns inte"
            if near:
                return f"{command}: {text}; menade du {sorted(near)[0]}?"
        case "MissingParameter":
            text = f"{_label(error.param, context)} saknas"
        case "BadOptionUsage" if "does not take" in error.message:
            text = f"flaggan {option} tar inget värde"
        case "BadOptionUsage" | "BadArgumentUsage":
            text = f"flaggan {option} behöver ett värde" if option else "ett argument saknas"
        case "BadParameter":
            text = f"{_label(error.param, context)}: {error.message.rstrip('.')}"
        case _ if "unexpected extra argument" in error.message:
            text = f"för många argument: {error.message.partition('(')[2].partition('(')[2][:-1]}"
        case _ if "Missing command" in error.message:
            text = "kommandot saknas"
        case _:
            text = error.message.rstrip(".")
    return f"{command}: {text}; se «{command} --help»"


def _label(param: Any, context: Any) -> str:
    if param is None:
        return "ett värde"
    if param.param_type_name == "option":
        return str(param.opts[0])
    name = str(param.metavar or param.name)
    return said(context, name) if context else name

"""The command's help: commands by task, options by kind, examples last; and what was probably meant by a wrong name.

On click's own formatter: rich-click would import rich for every ``--help`` (docs/decisions/0004-libraries.md).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import click

from alexbench.harness.errors import known_words

MODEL: Final = "Model"
DATA: Final = "Data"
SYSTEMS: Final = "Systems"
MEASURING: Final = "Measurement"
INT8: Final = "int8"
OUTPUT: Final = "Output"
OTHER: Final = "Options"
SUMMARY: Final = 50
"""Maximum characters of an option's summary: next to the option, it fits a terminal of 80 columns."""
_COLUMN: Final = 24
"""Columns of an option's name; a longer one has a line to itself."""

_UNBROKEN: Final = "\N{NO-BREAK SPACE}"

Decorator = Callable[[Any], Any]


class Option(click.Option):
    """An option of a ``kind``, which is its heading in the help. ``otherwise``: in words, what holds without it."""

    def __init__(self, *arguments: Any, kind: str = OTHER, otherwise: str = "", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.kind, self.otherwise = kind, otherwise

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Its names and its summary; three dots mark one that may be repeated."""
        found = super().get_help_record(ctx)
        if found is None:
            return None
        name, summary = found
        default = f"[default: {self.otherwise}]".replace(" ", _UNBROKEN)
        return f"{name}{'...' if self.multiple else ''}", f"{summary} {default}" if self.otherwise else summary


def option(
    *names: str,
    kind: str = OTHER,
    otherwise: str = "",
    values: Callable[[], Iterable[str]] | None = None,
    **attributes: Any,
) -> Decorator:
    """``click.option`` with a kind, and with its default in words. ``values``: what a shell offers for it."""
    if values is not None:
        attributes["shell_complete"] = _beginning(values)
    return click.option(*names, cls=Option, kind=kind, otherwise=otherwise, **attributes)


def _beginning(values: Callable[[], Iterable[str]]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    return lambda _context, _param, begun: [one for one in values() if one.startswith(begun)]


def json_option(text: str = "Print JSON.") -> Decorator:
    """``--json`` of any command."""
    return option("--json", "as_json", is_flag=True, kind=OUTPUT, help=text)


class Command(click.Command):
    """A command whose help has its options by kind, then ``examples``: lines that can be pasted."""

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **attributes: Any) -> None:
        settings = {"help_option_names": ["-h", "--help"], **(attributes.get("context_settings") or {})}
        super().__init__(*arguments, **{**attributes, "context_settings": settings})
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; an option of one value that is given twice is refused, where click takes the last."""
        try:
            _, _, order = self.make_parser(ctx).parse_args(list(args))
        except click.BadOptionUsage as error:
            param = next((one for one in self.params if error.option_name in one.opts), None)
            if isinstance(param, click.Option) and not param.is_flag:
                known = [str(one.value) for one in param.shell_complete(ctx, "") if one.type == "plain"]
                listed = f"; known: {', '.join(known)}" if known else ""
                ctx.fail(f"{error.option_name} needs a value: {error.option_name} {param.metavar}{listed}")
            raise
        for param in order:
            if isinstance(param, click.Option) and not (param.multiple or param.is_flag) and order.count(param) > 1:
                ctx.fail(f"{param.opts[0]} is given {order.count(param)} times and takes one value; give it once")
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section of each kind, in the order in which the kinds first come."""
        kinds: dict[str, list[tuple[str, str]]] = {}
        last: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                (kinds.setdefault(param.kind, []) if isinstance(param, Option) else last).append(record)
        kinds.setdefault(OTHER, []).extend(last)
        for kind in sorted(kinds, key=OTHER.__eq__):
            if kinds[kind]:
                with formatter.section(kind):
                    formatter.write_dl([(f"{name:{_COLUMN}}", text) for name, text in kinds[kind]], col_max=_COLUMN)
        formatter.buffer = [text.replace(_UNBROKEN, " ") for text in formatter.buffer]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples."""
        write_lines(formatter, "Examples", self.examples)
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """Commands by task: ``sections`` has the names of each task's commands; those in none come last."""

    command_class = Command
    group_class = type

    def __init__(
        self,
        *arguments: Any,
        sections: Mapping[str, Iterable[str]] | None = None,
        examples: Sequence[str] = (),
        **attributes: Any,
    ) -> None:
        settings = {"help_option_names": ["-h", "--help"], **(attributes.get("context_settings") or {})}
        super().__init__(*arguments, **{**attributes, "context_settings": settings})
        self.sections = {task: tuple(names) for task, names in (sections or {}).items()}
        self.examples = tuple(examples)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section of each task."""
        shown = [name for name in self.list_commands(ctx) if not self.commands[name].hidden]
        named = {name for names in self.sections.values() for name in names}
        sections = {**self.sections, "Commands": tuple(name for name in shown if name not in named)}
        widest = max(map(len, shown), default=0)
        for task, names in sections.items():
            rows = [
                (f"{name:{widest}}", self.commands[name].get_short_help_str(formatter.width))
                for name in names
                if name in shown
            ]
            if rows:
                with formatter.section(task):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples."""
        write_lines(formatter, "Examples", self.examples)
        super().format_epilog(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a wrong name is refused with the one that was probably meant."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            ctx.fail(f"no such command: {name!r}; {known_words(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def write_lines(formatter: click.HelpFormatter, heading: str, lines: Sequence[str]) -> None:
    """Lines that are not wrapped, under a heading."""
    if lines:
        with formatter.section(heading):
            for line in lines:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")

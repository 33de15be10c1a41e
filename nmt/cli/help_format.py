"""The layout of `--help`: commands in groups, and rarely used options in a section of their own.

A command names its group, and an option its section, by `rich_help_panel`. The layout is plain
text, because importing rich would take longer than all else that `--help` does.
"""

from typing import Any

from typer.core import TyperCommand, TyperGroup

RARE = "Rarely used"
"""The section of options that few people need. It comes last."""

_WHOLE = 1000
"""A length limit that cuts no summary."""


class Command(TyperCommand):
    """A command whose help has its rarely used options at the end."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of arguments, options and rarely used options."""
        _write_parameters(self, ctx, formatter)


class CommandGroup(TyperGroup):
    """A command with subcommands, which its help lists by their groups, each with one line."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of commands and options."""
        self.format_commands(ctx, formatter)
        _write_parameters(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group of commands, in the order of their first commands."""
        width = max(map(len, self.commands))
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            group = getattr(command, "rich_help_panel", None)
            title = group if isinstance(group, str) else "Commands"
            row = (name.ljust(width), command.get_short_help_str(_WHOLE))
            groups.setdefault(title, []).append(row)
        _write_sections(groups, formatter)


def _write_parameters(command: TyperCommand | TyperGroup, ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], RARE: []}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        if parameter.param_type_name == "argument":
            title = "Arguments"
        else:
            title = getattr(parameter, "rich_help_panel", None) or "Options"
        sections[title].append(record)
    _write_sections(sections, formatter)


def _write_sections(sections: dict[str, list[tuple[str, str]]], formatter: Any) -> None:
    for title, rows in sections.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)

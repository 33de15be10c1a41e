"""The messages for command lines that click refuses, with a hint on what to write instead."""

import re
import shlex
from difflib import get_close_matches
from typing import Any

_EXTRA = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.+)\)", re.DOTALL)
_MOST_KEYS = 4


def command_line_error_text(error: Any) -> str:
    """Return the message for an error of click about the command line.

    Args:
        error: The error. Its `ctx` is the context of the command, or None.

    Returns:
        The message with a hint, and a line that says where the options are listed.
    """
    message, context = error.format_message(), error.ctx
    if context is None:
        return str(message)
    extra = _EXTRA.fullmatch(message)
    if extra is not None:
        message = f"Unexpected argument: {extra[1]}"
        hint = _argument_hint(extra[1], _option_names(context.command))
    else:
        hint = _setting_hint(error, _option_names(context.command))
    lines = [message.rstrip(".") + "." if hint else message, *([hint] if hint else [])]
    listed = "commands" if hasattr(context.command, "commands") else "options"
    return " ".join(lines) + f"\n`{context.command_path} --help` lists the {listed}."


def _option_names(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


def _argument_hint(arguments: str, options: set[str]) -> str:
    """Return how to give a text or a setting that was given as an argument."""
    name = shlex.quote(arguments)
    if "--input" in options:
        name = "FILE" if " " in arguments else name
        return f"Use --input {name}, or < {name}."
    if "--set" in options and re.fullmatch(r"[a-z_]+(\.[a-z_]+)*=.*", arguments):
        return f"Use --set {name}."
    return ""


def _setting_hint(error: Any, options: set[str]) -> str:
    """Return the keys that an unknown option may mean, for a command that takes --set."""
    option = getattr(error, "option_name", "").lstrip("-").partition("=")[0]
    if not option or "--set" not in options or f"--{option}" in options:
        return ""
    keys = _near_keys(option, bool(error.possibilities))
    return f"Set a key with {' or '.join(f'--set {key}=VALUE' for key in keys)}." if keys else ""


def _near_keys(option: str, exact_only: bool) -> list[str]:
    """Return the keys whose last part is, contains or resembles the name of an option."""
    from nmt.cli.help_search import keys_named
    from nmt.config.key_index import all_keys

    found = [key.name for key in keys_named(option) if key.expected.section is None]
    if found or exact_only:
        return found[:_MOST_KEYS]
    word = option.replace("-", "_")
    values = [key for key in all_keys().values() if key.expected.section is None]
    found = [key.name for key in values if word in key.path[-1].split("_")]
    if not found:
        near = get_close_matches(word, {key.path[-1] for key in values})
        found = [key.name for key in values if key.path[-1] in near]
    return found[:_MOST_KEYS]

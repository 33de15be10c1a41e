"""The documentation: the program accepts its commands, its keys exist, and its links resolve."""

import ast
import contextlib
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
import yaml
from typer.main import get_command

from nmt.cli import options
from nmt.cli.app import app
from nmt.cli.help_topics import DOCS, ORDER
from nmt.config.key_index import all_keys
from nmt.config.settings import Config

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TOPICS = sorted(DOCS.glob("*.md"))
PAGES = [
    README,
    *(ROOT / name for name in ("configs/README.md", "data/README.md", "CONTRIBUTING.md")),
    *TOPICS,
]
MEASURED = {"results.md", "performance.md"}
"""The topics that have measured figures."""

MOST_README_LINES = 250
LONGEST_LINE = 110
LONGEST_SUMMARY = 75
MOST_WORDS = 25

FENCE = re.compile(r"^( *)(`{3,})(\w*)\n(.*?)^ *\2$", re.MULTILINE | re.DOTALL)
RUN = "<!-- run -->\n"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
KEY = re.compile(r"([a-z]\w*(?:\.[a-z]\w*)+)(?:[:=] ?.*)?")
FILE = re.compile(r"\b(?:scripts|configs|tests|data/demo)/[\w./-]*\w")
SUFFIXES = {"json", "model", "nmt", "onnx", "py", "safetensors", "yaml", "en", "de", "fr", "bin"}
"""Ends of the names of files, which look like keys."""

FIGURE = re.compile(r"\b\d+\.\d+ (?:BLEU|chrF)|\b(?:BLEU|chrF)(?: of| is|:)? \d+\.\d")


class Block(NamedTuple):
    """A fenced block: its language, its text, and whether a test runs it."""

    language: str
    text: str
    is_run: bool


def name_of(page):
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)
each_topic = pytest.mark.parametrize("page", TOPICS, ids=name_of)


def read(page):
    return page.read_text(encoding="utf-8")


def blocks(page):
    """Return the fenced blocks of a page."""
    text = read(page)
    return [
        Block(
            match[3],
            re.sub(f"^{match[1]}", "", match[4], flags=re.MULTILINE),
            text[: match.start()].endswith(RUN),
        )
        for match in FENCE.finditer(text)
    ]


def prose(page):
    """Return a page without its fenced blocks."""
    return FENCE.sub("", read(page))


def commands(block):
    """Yield the shell commands of a block. Lines are joined at a backslash and within quotes."""
    begun = ""
    for line in re.sub(r"\\\n(?:> )?\s*", "", block.text).split("\n"):
        start = {"sh": "", "console": "$ "}.get(block.language, "nmt ")
        if not begun and not line.startswith(start):
            continue
        begun += line if begun else line.removeprefix("$ ")
        try:
            shlex.split(begun, comments=True)
        except ValueError:  # an open quotation
            begun += "\n"
        else:
            yield begun
            begun = ""
    assert not begun, f"an open quotation: {begun}"


def calls(line):
    """Yield the words of each call of nmt in a line of shell."""
    line = re.sub(r"(?<=\s)\d(?=[<>])", "", line)  # the number of a stream
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    call, redirected = [], False
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;()"):
            while call and (re.fullmatch(r"\w+=.*", call[0]) or call[0] == "time"):
                call.pop(0)  # a variable before the command
            if call[:1] == ["nmt"]:
                yield call
            call = []
        elif set(word) <= set("<>"):
            redirected = True
        elif redirected:
            redirected = False
        elif word != "...":
            call.append(word)


def find_command(words):
    """Return a command of the program, and the words after its name."""
    command, rest = get_command(app), words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"no such command: {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def check_call(words):
    """Parse a command line as the program does, without running the command."""
    command, rest = find_command(words)
    check_name(words)
    if hasattr(command, "commands") and not rest:
        return
    with contextlib.suppress(typer.Exit):  # --help and --version
        context = command.make_context("nmt", list(rest), help_option_names=["-h", "--help"])
        check_settings(context.params.get("settings") or ())
    options.reset()


def check_settings(settings):
    for setting in settings:
        assert setting.partition("=")[0] in all_keys(), setting


def check_name(words):
    """Check the name of a key or a topic that a command explains, if it is no placeholder."""
    known = {*all_keys()}
    if words[1] == "help":
        known |= {*ORDER, *get_command(app).commands}
        known |= {key.rpartition(".")[2] for key in all_keys()}
    if words[1:-1] in (["help"], ["config", "explain"]) and words[-1].islower():
        assert words[-1] in known, words


def slug(heading):
    """Return the anchor of a heading, as GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(page):
    seen = Counter()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        anchor = slug(heading)
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def sentences(page):
    """Return the sentences of a page without its tables; a piece of code counts as one word."""
    text = re.sub(r"^\|.*$|^<!--.*$", "", prose(page), flags=re.MULTILINE)
    text = re.sub(r"(`+).+?\1", "code", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\n(?= *(?:[-*]|\d+\.) |#)", "\n\n", text)
    text = text.replace("et al.", "et al")
    return [
        sentence
        for paragraph in re.split(r"\n\s*\n", text)
        for sentence in re.split(r"(?<=[.!?:])[*)\"]*\s+", paragraph.strip())
    ]


def word_count(sentence):
    return len(re.findall(r"[\w&][\w'.,%&/-]*", sentence))


@each_page
def test_the_program_accepts_each_command(page):
    for block in blocks(page):
        if block.language in ("", "sh", "console"):
            for line in commands(block):
                for words in calls(line):
                    try:
                        check_call(words)
                    except Exception as error:
                        pytest.fail(f"{line}\n{type(error).__name__}: {error}")


@each_page
def test_commands_in_sentences_exist_and_have_their_options(page):
    for code in CODE.findall(prose(page)):
        if not re.fullmatch(r"nmt [a-z-](?:[\w./= -]*)", code):  # as nmt COMMAND is not
            continue
        command, rest = find_command(code.split(" "))
        check_name(code.split(" "))
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        for word in rest:
            if word.startswith("-"):
                assert word.partition("=")[0] in {*known, "-h", "--help"}, code


@each_page
def test_keys_exist(page):
    for code in CODE.findall(prose(page)):
        match = KEY.fullmatch(code)
        if match is None or match[1].rpartition(".")[2] in SUFFIXES:
            continue
        if match[1].partition(".")[0] in Config.model_fields:
            assert match[1] in all_keys(), code


def key_paths(value, prefix=""):
    for name, inner in value.items():
        yield f"{prefix}{name}"
        if isinstance(inner, dict):
            yield from key_paths(inner, f"{prefix}{name}.")


@each_page
def test_keys_of_yaml_blocks_exist(page):
    for block in blocks(page):
        if block.language == "yaml":
            for key in key_paths(yaml.safe_load(block.text)):
                assert key in all_keys(), key


@each_page
def test_links_resolve(page):
    text = CODE.sub("", prose(page))
    for target in LINK.findall(text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@each_page
def test_files_exist(page):
    for name in FILE.findall(re.sub(r"https?:\S+", "", read(page))):
        file = re.sub(r"::\w+$", "", name)
        assert any((folder / file).exists() for folder in (ROOT, page.parent)), name


@each_page
def test_python_compiles_and_what_it_takes_from_nmt_is_there(page):
    for block in blocks(page):
        if block.language != "python":
            continue
        is_entry = re.match(r'"\w', block.text)  # an entry of a table
        tree = ast.parse(f"{{{block.text}}}" if is_entry else block.text)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nmt":
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), ast.unparse(node)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == "nmt":
                        importlib.import_module(alias.name)
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "nmt":
                assert hasattr(importlib.import_module("nmt"), node.attr), ast.unparse(node)


def steps(text):
    """Return the commands of a console block, each with its output."""
    return [
        tuple(step.split("\n", 1))
        for step in re.split(r"^\$ ", re.sub(r"\\\n(?:> )?\s*", "", text), flags=re.MULTILINE)[1:]
    ]


RUNS = [
    pytest.param(block.text, id=f"{name_of(page)}-{steps(block.text)[0][0]}")
    for page in PAGES
    for block in blocks(page)
    if block.is_run
]


@pytest.mark.parametrize("text", RUNS)
def test_commands_print_what_is_shown(text, tmp_path):
    """A line `...` stands for any lines."""
    program = tmp_path / "bin" / "nmt"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nmt "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if name != "NMT_MODEL"}
    environment = {
        **inherited,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
    }
    for command, output in steps(text):
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        shown = re.escape(output).replace("\\.\\.\\.\\\n", "(?:.*\n)*?")
        assert re.fullmatch(shown, done.stdout), f"$ {command}\n{done.stdout}"


@each_topic
def test_a_topic_has_its_form(page):
    lines = read(page).split("\n")
    assert lines[0].startswith("# ")
    assert (lines[1], lines[3]) == ("", "")
    assert lines[2].endswith(".")
    assert len(lines[2]) <= LONGEST_SUMMARY
    assert not re.findall(r"^#{4,} ", prose(page), re.MULTILINE)
    assert "<" not in CODE.sub("", prose(page).replace(RUN, ""))
    for line in prose(page).split("\n"):
        assert len(line) <= LONGEST_LINE or line.startswith("|"), line


@each_topic
def test_topics_have_short_sentences(page):
    for sentence in sentences(page):
        assert word_count(sentence) <= MOST_WORDS, sentence


@each_topic
def test_scores_stand_only_where_they_are_kept(page):
    if page.name not in MEASURED:
        assert FIGURE.findall(prose(page)) == []


def test_each_topic_is_there_and_in_the_order_of_nmt_help():
    assert {page.stem for page in TOPICS} == {*ORDER}


def test_the_readme_is_short():
    assert read(README).count("\n") <= MOST_README_LINES
    for sentence in sentences(README):
        assert word_count(sentence) <= MOST_WORDS, sentence


def test_the_readme_leads_to_each_topic():
    linked = {Path(target.partition("#")[0]).stem for target in LINK.findall(prose(README))}
    assert {*ORDER} <= linked


def test_the_readme_has_the_groups_of_commands_of_the_help():
    rows = re.findall(r"^\| ([A-Z][a-z ]+|) ?\| `nmt (\w+)` \|", read(README), re.MULTILINE)
    group, told = "", {}
    for title, command in rows:
        group = title.strip() or group
        told.setdefault(group, set()).add(command)
    shown = {}
    for name, command in get_command(app).commands.items():
        shown.setdefault(command.rich_help_panel, set()).add(name)
    assert told == shown

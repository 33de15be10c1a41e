"""`nmt help`, and how `--help` is laid out."""

import re
import sys
from pathlib import Path

import pytest
import typer
from setuptools import Distribution
from typer.main import get_command

from nmt.cli import help_topics
from nmt.cli.app import app, run
from nmt.cli.help_format import RARE
from nmt.config.reference import explain

TRAINING = """\
# Training

Train, stop and resume.

Read [the data](data.md#files), [configs](../../configs/README.md) and [data](data.md).

<!-- run -->
```console
$ nmt --version
see [link](data.md)
```
"""
GROUPS = ["Set up", "Train", "Translate", "Evaluate", "Inspect", "Share"]


@pytest.fixture
def docs(tmp_path, monkeypatch):
    """A folder of topics."""
    monkeypatch.setattr(help_topics, "DOCS", tmp_path)
    for name, text in {
        "training": TRAINING,
        "extra": "# Extra\n\nMore.\n",
        "data": "# Data\n\nPrepare texts.\n",
        "export": "# Export\n\nGive models away.\n",
        "python": "# Python\n\nUse Python.\n",
    }.items():
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def terminal(capsys, monkeypatch, tmp_path):
    """Make stdout a terminal, and return a function for what the pager is given."""
    paged = tmp_path / "paged"
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda stream: True)
    for name, value in {
        "TERM": "xterm",
        "COLUMNS": "60",
        "LINES": "200",
        "PAGER": f"sh -c 'cat > {paged}'",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return lambda: paged.read_text(encoding="utf-8") if paged.exists() else ""


def shown(capsys, *words):
    assert run(["help", *words]) == 0
    return capsys.readouterr().out


def test_help_lists_the_topics_in_their_order(docs, capsys):
    out = shown(capsys)
    assert out.startswith(
        "Topics:\n"
        "  data      Prepare texts.\n"
        "  training  Train, stop and resume.\n"
        "  export    Give models away.\n"
        "  python    Use Python.\n"
        "  extra     More.\n"
    )
    assert "nmt help COMMAND" in out
    assert "nmt help KEY" in out


def test_a_topic_is_markdown_in_a_pipe(docs, capsys):
    assert shown(capsys, "Python") == "# Python\n\nUse Python.\n"
    assert shown(capsys, "training").startswith(TRAINING.replace("<!-- run -->\n", ""))


@pytest.mark.parametrize(
    ("topic", "others"),
    [
        ("training", ["`nmt config explain training`"]),
        ("data", ["`nmt config explain data`"]),
        ("export", ["`nmt export --help`"]),
    ],
)
def test_the_last_line_of_a_topic_names_the_command_and_the_keys_of_its_name(
    docs, capsys, topic, others
):
    last = shown(capsys, topic).split("\n")[-2]
    assert re.findall("`nmt [^`]*`", last) == others


def test_a_topic_is_rendered_on_a_terminal(docs, capsys, terminal):
    out = re.sub(r"\x1b\[[\d;]*m", "", shown(capsys, "training"))
    assert "Read the data (nmt help data), configs (configs/README.md)" in out
    assert "and nmt help data.\n" in re.sub(r"\s+(?=and|\n)", " ", out).replace(". ", ".\n")
    assert "see [link](data.md)" in out
    assert "# Training" not in out
    assert "<!--" not in out
    assert terminal() == ""


def test_a_long_text_goes_through_the_pager(docs, capsys, terminal, monkeypatch):
    monkeypatch.setenv("LINES", "5")
    assert shown(capsys, "training") == ""
    assert "Train, stop and resume." in terminal()
    monkeypatch.setenv("PAGER", "/no/such/program")
    assert "Train, stop and resume." in shown(capsys, "training")
    monkeypatch.setenv("PAGER", "true")  # leaves without reading
    help_topics.show_text("a line\n" * 100_000)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("key", ["training.max_updates", "TRAINING.optimizer", "run_dir"])
def test_a_key_is_explained(docs, capsys, key):
    assert shown(capsys, key) == explain(key.lower())


@pytest.mark.parametrize("words", [["translate"], ["config", "show"], ["config"], ["help"]])
def test_a_command_shows_its_help(docs, capsys, words):
    assert run([*words, "--help"]) == 0
    assert capsys.readouterr().out == shown(capsys, *words)


def test_a_key_of_an_earlier_release_leads_to_the_present_one(docs, capsys):
    assert run(["help", "training.batch_tokens"]) == 2
    assert "training.batch_size" in capsys.readouterr().err


def test_the_last_part_of_a_key_explains_it_if_no_other_key_has_it(capsys):
    assert shown(capsys, "ema") == explain("training.ema")
    assert shown(capsys, "Learning", "rate").startswith(explain("training.optimizer.learning_rate"))
    out = shown(capsys, "n_best")
    assert "nmt help search.n_best " in out
    assert "nmt help tokenizer.sampling.n_best " in out


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("n-best", r"nmt help translate +--n-best: "),
        ("--avoid", r"nmt help translate +--avoid: "),
        ("gru", r"nmt help model\.encoder\.cell +"),
        ("gpu", r"nmt help installation +section: GPU$"),
        ("memory", r"nmt help troubleshooting +section: Out of memory$"),
        ("onnx", r"nmt help export +section: Export to ONNX$"),
        ("resume", r"nmt help train +--resume: "),
        ("bleu", r"nmt help glossary +BLEU: "),
        ("dev", r"nmt help glossary +Dev: "),
    ],
)
def test_a_word_is_searched_for(capsys, word, line):
    assert re.search(f"^  {line}", shown(capsys, word), re.MULTILINE)


def test_every_result_of_a_search_is_a_command_to_run(capsys):
    commands = re.findall(r"^  nmt (help \S+)", shown(capsys, "beam"), re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        assert run(command.split()) == 0


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("trainin", "training"),
        ("translat", "translate"),
        ("training.max_update", "training.max_updates"),
        ("\u4e2d", None),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(docs, capsys, name, near):
    assert run(["help", name]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"nmt: error: {name}: no such topic, command or key.")
    assert told.count("\n") <= 3
    assert near is None or near in told


def commands():
    """All commands with their names, such as `config show`."""
    found = {}
    for name, command in get_command(app).commands.items():
        found[name] = command
        for inner, subcommand in getattr(command, "commands", {}).items():
            found[f"{name} {inner}"] = subcommand
    return found


def test_commands_are_in_groups_and_each_has_one_uncut_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"^([A-Z][a-z ]+):$", out, re.MULTILINE)[: len(GROUPS)] == GROUPS
    listed = out[out.index("Set up:") : out.index("\nOptions:")]
    rows = re.findall(r"^  ([a-z]+) +([A-Z].*\.)$", listed, re.MULTILINE)
    assert {name for name, _ in rows} == {name for name in commands() if " " not in name}
    assert len(rows) == len([line for line in listed.split("\n") if line.startswith(" ")])


@pytest.mark.parametrize("name", commands())
def test_help_texts_are_short_and_in_the_imperative(name):
    command = commands()[name]
    summary = command.help.split("\n")[0]
    assert len(summary) <= 65
    assert command.get_short_help_str(1000) == summary
    for parameter in command.params:
        text = parameter.help
        assert re.match(r"[A-Z`]", text), text
        assert re.search(r"[.\]]$", text), text
        assert "may be given again" not in text


@pytest.mark.parametrize("name", commands())
def test_rarely_used_options_come_last(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    command = commands()[name]
    rare = [each for each in command.params if getattr(each, "rich_help_panel", None) == RARE]
    assert run([*name.split(), "--help"]) == 0
    common, _, last = capsys.readouterr().out.partition(f"\n{RARE}:\n")
    assert re.findall(r"^  (?:-\w, )?(--[\w-]+)", last, re.MULTILINE) == [
        each.opts[0] for each in rare
    ]
    options = [each for each in command.params if isinstance(each, typer.core.TyperOption)]
    assert not rare or len(options) > len(rare)
    assert all(f"{each.opts[0]} " not in common for each in rare if each.opts[0] != "--sample")


def test_the_topics_are_in_the_package(monkeypatch):
    monkeypatch.chdir(Path(help_topics.__file__).parents[2])
    distribution = Distribution()
    distribution.parse_config_files()
    patterns = distribution.package_data["nmt"]
    assert "docs/*.md" in patterns

"""All wrong inputs with the answers that they get, as a table for people."""

import re
from pathlib import Path

import align_cases
import config_cases
import data_cases
import further_cases
import init_cases
import release_cases
import report_cases
import score_cases
import train_cases
import translate_cases
from stage import Case, Outcome

TABLE = Path(__file__).parents[1] / "bad_inputs.md"

SECTIONS: dict[str, list[Case]] = {
    "Configuration files": config_cases.FILES,
    "Keys of a configuration": config_cases.KEYS,
    "Values and `--set`": config_cases.VALUES,
    "Command lines": config_cases.COMMAND_LINES,
    "`nmt init`": init_cases.INIT,
    "`nmt tokenizer`": data_cases.TOKENIZER,
    "`nmt binarize`": data_cases.BINARIZE,
    "Shared tokenizer and data": data_cases.SHARED,
    "`nmt shortlist`": data_cases.SHORTLIST,
    "`nmt train`: settings and places": train_cases.SETTINGS,
    "`nmt train`: guided alignment": train_cases.GUIDED,
    "`nmt train`: going on": train_cases.RESUME,
    "`nmt train`: further training": further_cases.FURTHER,
    "`nmt train`: launchers": further_cases.LAUNCHERS,
    "`nmt doctor`": further_cases.DOCTOR,
    "`nmt average`": further_cases.AVERAGE,
    "`nmt watch`": report_cases.WATCH,
    "`nmt report`": report_cases.REPORT,
    "`nmt compare`": report_cases.COMPARE,
    "`nmt translate`: text": translate_cases.TEXTS,
    "`nmt translate`: JSON lines and tables": translate_cases.REQUESTS,
    "`nmt translate`: options": translate_cases.OPTIONS,
    "`nmt translate`: models": translate_cases.MODELS,
    "`nmt translate --resumable`": translate_cases.PARTS,
    "`nmt attention`": translate_cases.ATTENTION,
    "`nmt align`": align_cases.ALIGN,
    "`nmt serve`": translate_cases.SERVE,
    "`nmt score`: references": score_cases.BY_REFERENCES,
    "`nmt score`: several translations": score_cases.SEVERAL,
    "`nmt score`: models": score_cases.BY_A_MODEL,
    "`nmt tune`": score_cases.TUNE,
    "`nmt export`, `nmt info` and single-file models": release_cases.EXPORT,
}

CASES = [case for cases in SECTIONS.values() for case in cases]

_MOST_CHARACTERS = 400


def table(outcomes: list[Outcome]) -> str:
    """The table as Markdown; outcomes: of `CASES`, in order."""
    remaining = iter(outcomes)
    parts = [
        "# Wrong inputs and their answers\n",
        f"{len(CASES)} cases; each is a test. Written by "
        "`python scripts/write_bad_input_table.py`; `/work` is the current folder.\n\n"
        "Exit codes: 0 done (with a warning where there is one), 2 usage "
        "or configuration, 3 data, 4 model or checkpoint, 5 resources.\n",
    ]
    for title, cases in SECTIONS.items():
        rows = [_row(case, next(remaining)) for case in cases]
        head = f"## {title}\n\n| input | command | exit | message |\n| --- | --- | --- | --- |\n"
        parts.append(head + "".join(rows))
    return "\n".join(parts)


def _row(case: Case, outcome: Outcome) -> str:
    cells = (case.wrong, _code(f"nmt {case.command}"), str(outcome.code), _message(case, outcome))
    return f"| {' | '.join(cells)} |\n"


def _message(case: Case, outcome: Outcome) -> str:
    lines = (outcome.failures or outcome.message).split("\n")
    if not case.code:  # of all that a command tells that did its work, what is about the input
        lines = [line for line in lines if any(words in line for words in case.says)]
    return "<br>".join(_code(line.strip()) for line in lines if line) or "(none)"


def _code(text: str) -> str:
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    text = re.sub(r"(.)\1{39,}", r"\1\1\1...", text)
    if len(text) > _MOST_CHARACTERS:
        text = text[:_MOST_CHARACTERS] + " ..."
    text = text.replace("|", r"\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"

"""Docstrings say what a function does, takes and gives: a verb, Args and Returns."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "nmt"
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
PLAIN_RESULTS = ("Return ", "Yield ", "See ")
"""Beginnings of a first sentence that says what is given, or where that is said."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_functions(tree: ast.Module) -> Iterator[Function]:
    """Yield the public functions of a module and the public methods of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            members = node.body
        else:
            members = [node]
        for each in members:
            if isinstance(each, Function) and not each.name.startswith("_") and _is_called(each):
                yield each


def _is_called(function: Function) -> bool:
    """Whether it is called as such: not a property, not a command, not an overload."""
    marks = [ast.unparse(each) for each in function.decorator_list]
    return not any(
        "property" in mark or "command" in mark or "overload" in mark or "callback" in mark
        for mark in marks
    )


def problems(function: Function, is_command: bool = False) -> Iterator[str]:
    """Yield what is wrong with the docstring of a function."""
    text = ast.get_docstring(function)
    if not text:
        yield "has no docstring"
        return
    if is_command or text.startswith("See "):
        return
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = [each.arg for each in every if each.arg not in ("self", "cls")]
    if len(names) > 1:
        if "\nArgs:\n" not in text:
            yield "has no Args"
        else:
            section = text.split("\nArgs:\n")[1]
            for name in names:
                if not name.startswith("_") and f"\n    {name}:" not in f"\n{section}":
                    yield f"Args lacks {name}"
    gives = function.returns is not None and ast.unparse(function.returns) not in (
        "None",
        "NoReturn",
        "Self",
    )
    described = text.startswith(PLAIN_RESULTS) or "\nReturns:\n" in text or "\nYields:\n" in text
    if gives and not described:
        yield "has no Returns, and does not begin with Return"


def complaints(file: str) -> list[str]:
    """Return the complaints about a module, each with its line."""
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    return [
        f"nmt/{file}:{function.lineno}: {function.name} {problem}"
        for function in public_functions(tree)
        for problem in problems(function, is_command=file.startswith("cli/"))
    ]


@pytest.mark.parametrize("file", FILES)
def test_public_functions_say_what_they_take_and_give(file):
    assert complaints(file) == []


def test_a_poor_docstring_is_noticed():
    poor = ast.parse('def add(one: int, two: int) -> int:\n    """Add them up."""\n')
    (function,) = public_functions(poor)
    assert list(problems(function)) == [
        "has no Args",
        "has no Returns, and does not begin with Return",
    ]

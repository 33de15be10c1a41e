"""Names in nmt mean one thing each, and no module grows without end."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "nmt"
MODULES = sorted(PACKAGE.rglob("*.py"))

MOST_LINES = 500


def path_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def test_no_class_name_stands_for_two_classes():
    places = defaultdict(list)
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path_of(module)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_module_name_stands_for_two_modules():
    """But for the commands and the sections of the settings, which are named alike on purpose."""
    places = defaultdict(list)
    for module in MODULES:
        path = path_of(module)
        if module.name != "__init__.py" and not path.startswith(("cli/", "config/settings/")):
            places[module.name].append(path)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_module_has_more_lines_than_a_reader_takes_in():
    lengths = {
        path_of(module): len(module.read_text(encoding="utf-8").splitlines()) for module in MODULES
    }
    assert {path for path, lines in lengths.items() if lines > MOST_LINES} == set()

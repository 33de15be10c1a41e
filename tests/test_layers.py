"""The rooms of nmt form an order, and imports follow it."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROOMS = (
    "errors",
    "version",
    "console",
    "text",
    "config",
    "runtime",
    "pages",
    "evaluation",
    "tokenizers",
    "data",
    "alignment",
    "model",
    "search",
    "bundles",
    "translation",
    "training",
    "inspection",
    "doctor",
    "reports",
    "serving",
    "cli",
    "__main__",
)
"""From the ground up: a room imports only rooms before it."""

FORBIDDEN = {
    "nmt.evaluation": ("torch", "numpy", "nmt.model"),
    "nmt.model": (
        "yaml",
        "nmt.data",
        "nmt.alignment",
        "nmt.config.load",
        "nmt.config.yaml_positions",
    ),
    "nmt.data": ("nmt.model",),
    "nmt.alignment": ("nmt.model",),
    "nmt.config": ("torch", "numpy"),
    "nmt.text": ("torch", "numpy"),
    "nmt.errors": ("nmt",),
}
"""What a package may not know, directly or by way of a function."""

HEAVY = (
    "torch",
    "numpy",
    "pydantic",
    "yaml",
    "sacrebleu",
    "sentencepiece",
    "safetensors",
    "rich",
    "starlette",
    "uvicorn",
)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / "nmt").rglob("*.py"))}


def imports(module: str, *, at_top_only: bool = False) -> Iterator[str]:
    """The modules that a module imports: those of nmt by their full name."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for node in tree.body if at_top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def room(module: str) -> str:
    return module.split(".")[1]


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def own_modules_below_the_root() -> list[str]:
    """`nmt` itself only hands on names, when they are asked for."""
    return [module for module in MODULES if module != "nmt"]


@pytest.mark.parametrize("module", own_modules_below_the_root())
def test_a_room_imports_only_rooms_before_it(module):
    allowed = ROOMS[: ROOMS.index(room(module)) + 1]
    for imported in imports(module):
        if is_within(imported, "nmt") and imported != "nmt":
            assert room(imported) in allowed, f"{module} imports {imported}"


def test_modules_do_not_import_each_other_in_a_circle():
    graph = {module: set(imports(module)) & set(MODULES) for module in own_modules_below_the_root()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize(
    ("package", "foreign"), [(name, bad) for name, all_bad in FORBIDDEN.items() for bad in all_bad]
)
def test_a_package_does_not_know(package, foreign):
    for module in MODULES:
        if is_within(module, package):
            for imported in imports(module):
                assert not is_within(imported, foreign), f"{module} imports {imported}"


@pytest.mark.parametrize("module", [name for name in MODULES if is_within(name, "nmt.cli")])
def test_commands_import_heavy_packages_only_when_they_run(module):
    for imported in imports(module, at_top_only=True):
        assert imported.split(".")[0] not in HEAVY, f"{module} imports {imported}"


def test_nothing_is_pickled():
    for module in MODULES:
        assert not {"pickle", "shelve", "marshal", "dill"} & set(imports(module)), module
        assert "torch.save" not in MODULES[module].read_text(encoding="utf-8"), module

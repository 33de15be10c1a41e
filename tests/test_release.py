"""Files that name the release, its date or its authors agree."""

import re
from pathlib import Path

import yaml

from nmt.version import __version__

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_newest_release_in_the_changelog_is_this_version_and_that_of_the_citation():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[([\d.]+)\] - ([\d-]+)$", changelog, re.MULTILINE)
    assert releases[0][0] == CITATION["version"] == __version__
    assert releases[0][1] == str(CITATION["date-released"])


def test_citation_package_and_licence_name_the_same_authors():
    (author,) = (each["name"] for each in CITATION["authors"])
    package = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'authors = [{{ name = "{author}" }}]' in package
    assert author in (ROOT / "LICENSE").read_text(encoding="utf-8")

"""Whatever a single-file model holds: the model, or an error in plain words."""

import shutil
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoiling import spoiled

from nmt.bundles.bundle import load_bundle
from nmt.bundles.bundle_files import find_bundle, write_model_file
from nmt.bundles.model_info import describe
from nmt.errors import ModelError

few = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def small(tiny_bundle, tmp_path_factory):
    """A single-file model, its bytes, and a place to spoil a copy in."""
    folder = tmp_path_factory.mktemp("model_file")
    write_model_file(tiny_bundle, folder / "right.nmt")
    return folder / "spoiled.nmt", (folder / "right.nmt").read_bytes()


def look(path):
    try:
        load_bundle(find_bundle(path), torch.device("cpu"))
        describe(path, verify=True)
    except ModelError as error:
        assert str(path) in error.message


@few
@given(data=st.data())
def test_bytes(small, data):
    path, content = small
    path.write_bytes(data.draw(spoiled(content)))
    look(path)


@few
@given(data=st.data())
def test_the_directory_at_its_end(small, data):
    path, content = small
    at = content.index(b"PK\x01\x02")
    path.write_bytes(content[:at] + data.draw(spoiled(content[at:])))
    look(path)


@few
@given(data=st.data())
def test_the_head_of_each_file(small, data):
    path, content = small
    at = data.draw(st.sampled_from([0, content.index(b"config.yaml") - 30]))
    head = data.draw(spoiled(content[at : at + 60]))
    path.write_bytes(content[:at] + head + content[at + 60 :])
    look(path)


@pytest.mark.parametrize(
    "left_out", ["bundle.json", "config.yaml", "model.safetensors", "joint.model"]
)
def test_a_file_less(small, left_out):
    path, content = small
    path.write_bytes(content)
    other = path.with_name("less.nmt")
    with zipfile.ZipFile(path) as right, zipfile.ZipFile(other, "w") as less:
        for member in right.infolist():
            if member.filename != left_out:
                less.writestr(member, right.read(member))
    with pytest.raises(ModelError, match=left_out):
        load_bundle(find_bundle(other), torch.device("cpu"))


def test_a_zip_of_something_else(small):
    path, _ = small
    shutil.make_archive(str(path.with_name("other")), "zip", path.parent, "right.nmt")
    with pytest.raises(ModelError, match="other"):
        load_bundle(find_bundle(path.with_name("other.zip")), torch.device("cpu"))

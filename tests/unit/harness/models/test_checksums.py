"""A weights file is known by its content: by size and digests, and by its name alone never."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.harness.errors import WeightsError
from alexbench.harness.models.card import Card, WeightsSource, load_card
from alexbench.harness.models.checksums import check_users_file, is_verifiable, recognise, verification, verify_file

CONTENT, OTHER = b"the published file", b"the published  fil"
SHA256, SHA384 = hashlib.sha256(CONTENT).hexdigest(), hashlib.sha384(CONTENT).hexdigest()
PLAIN = WeightsSource(file="weights.bin", format="pth")
BY_SHA256 = replace(PLAIN, size=len(CONTENT), sha256=SHA256)
BY_SHA384 = replace(PLAIN, size=len(CONTENT), sha384=SHA384)
BY_PREFIX = replace(PLAIN, file=f"alexnet-{SHA256[:8]}.pth", sha256_prefix=SHA256[:8])


def card(*sources: WeightsSource) -> Card:
    return replace(load_card("torchvision"), name="mine", weights=sources)


@pytest.fixture
def right(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong" / "weights.bin"
    path.parent.mkdir()
    path.write_bytes(OTHER)
    return path


@pytest.mark.parametrize("source", [BY_SHA256, BY_SHA384, BY_PREFIX, replace(BY_SHA256, sha384=SHA384), PLAIN])
def test_the_published_file_is_verified(right: Path, source: WeightsSource) -> None:
    verify_file(right, source)
    upper = {key: value.upper() for key in ("sha256", "sha384") if (value := getattr(source, key))}
    verify_file(right, replace(source, **upper))


def test_another_file_is_refused_with_both_digests(wrong: Path) -> None:
    was = hashlib.sha256(OTHER).hexdigest(), hashlib.sha384(OTHER).hexdigest()
    with pytest.raises(WeightsError, match=f"SHA-256 {was[0]}, published {SHA256}$"):
        verify_file(wrong, BY_SHA256)
    with pytest.raises(WeightsError, match=f"SHA-384 {was[1]}, published {SHA384}$"):
        verify_file(wrong, BY_SHA384)
    with pytest.raises(WeightsError, match=f"SHA-256 {was[0]}, published to begin with {SHA256[:8]}$"):
        verify_file(wrong, BY_PREFIX)
    with pytest.raises(WeightsError, match=f"SHA-384 {was[1]}, published {SHA384}; SHA-256 {was[0]}"):
        verify_file(wrong, replace(BY_SHA384, sha256=SHA256))


def test_size_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(
        WeightsError, match=r"is not the published weights.bin: 17 bytes, published 18; SHA-256 [0-9a-f]+"
    ):
        verify_file(path, BY_SHA256)


def test_how_a_file_is_verified_is_said() -> None:
    assert verification(BY_SHA256) == "SHA-256"
    assert verification(replace(BY_SHA256, sha384=SHA384)) == "SHA-384 and SHA-256"
    assert verification(BY_PREFIX) == "first 8 hex digits of SHA-256"
    assert not is_verifiable(replace(PLAIN, size=18))


def test_a_file_is_recognised_by_its_content(right: Path, wrong: Path) -> None:
    assert recognise(right, card(BY_SHA384, BY_PREFIX)) == BY_SHA384
    assert recognise(right, card(replace(BY_SHA384, size=17), BY_PREFIX)) == BY_PREFIX
    assert recognise(wrong, card(BY_SHA384, BY_PREFIX)) is None
    assert recognise(right, card(PLAIN, replace(PLAIN, size=18))) is None
    assert recognise(right, card()) is None


def test_a_users_file_is_verified_whatever_its_name(right: Path) -> None:
    for name in ("weights.bin", "copy of weights.pth"):
        path = right.rename(right.with_name(name))
        assert check_users_file(path, card(BY_SHA256)) == "SHA-256 as published (mine)"
        right = path
    assert check_users_file(right, card(BY_PREFIX)) == "first 8 hex digits of SHA-256 as published (mine)"


def test_a_users_file_with_a_published_name_and_another_content_is_refused(wrong: Path) -> None:
    with pytest.raises(
        WeightsError, match=f"published {SHA256}; fetch it again .alexbench models fetch mine., or rename it"
    ):
        check_users_file(wrong, card(BY_SHA256))


def test_of_another_file_of_the_users_nothing_is_known(wrong: Path, tmp_path: Path) -> None:
    path = wrong.rename(wrong.with_name("own.pth"))
    assert check_users_file(path, card(BY_SHA256)) == ""
    assert check_users_file(wrong.with_name("gone.pth"), card(BY_SHA256)) == ""
    assert check_users_file(tmp_path, card(BY_SHA256)) == ""
    assert check_users_file(path.rename(path.with_name("weights.bin")), card(PLAIN)) == ""

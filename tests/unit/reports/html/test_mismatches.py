"""The top-1 mismatches of report.html: which images are shown, and with what."""

import base64
import json
import re
from pathlib import Path

from alexbench.reports.html.page import html
from tests.browser import html_runs
from tests.support.pages import parsed


def test_mismatches_are_shown_as_images_with_every_answer(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    images = [attributes for tag, attributes in parsed(page).seen if tag == "img"]
    assert len(images) == html_runs.FLIPS
    prefix = "data:image/jpeg;base64,"
    for image in images:
        source, text = image["src"], image["alt"]
        assert source is not None
        assert source.startswith(prefix)
        assert base64.b64decode(source.removeprefix(prefix)).startswith(b"\xff\xd8")
        assert text
    assert "UNEXPLAINED" in page
    assert "within rounding" in page


def test_a_thumbnail_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "run"
    record = html_runs.write(inside)
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8secret")
    listed = json.loads((inside / "thumbnails.json").read_text())
    listed[0]["file"] = "../secret.jpg"
    (inside / "thumbnails.json").write_text(json.dumps(listed))
    page = html(inside, record)
    assert base64.b64encode(b"\xff\xd8secret").decode() not in page
    assert sum(tag == "img" for tag, _ in parsed(page).seen) == html_runs.FLIPS - 1


def test_a_thousand_mismatches_show_two_hundred(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path, flips=1000)
    page = html(tmp_path, record)
    shown = sum(attributes.get("class") == "image" for _, attributes in parsed(page).seen)
    assert shown == 200
    assert "the 200 with the widest margins" in page


def test_without_thumbnails_mismatches_are_classes_by_number(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    (tmp_path / "thumbnails.json").unlink()
    page = html(tmp_path, record)
    shown = [attributes for _, attributes in parsed(page).seen if attributes.get("class") == "image"]
    assert len(shown) == html_runs.FLIPS
    assert all(re.fullmatch(r"class \d+", str(one["data-label"])) for one in shown)
    assert "<img" not in page.partition("<script")[0]

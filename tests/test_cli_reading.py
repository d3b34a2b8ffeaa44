"""`extract` and `diff` say what the page says, and nothing that can't be read becomes news."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOW, LATER = "Det här gör vi nu", "Det här utvecklar vi"
PARTNERS = "Nätverk och partnerskap där vi arbetar tillsammans med andra"


def page(now: Sequence[str], later: Sequence[str], extra: str = "") -> str:
    """A page of Granvik's in the Borås manner; an item is «title: text»."""
    body = "".join(
        f"<h2>{heading}</h2><ul>"
        + "".join(
            f"<li><strong>{title}</strong><p>{text}</p></li>"
            for title, _, text in (item.partition(": ") for item in items)
        )
        + "</ul>"
        for heading, items in (
            (NOW, now),
            (LATER, later),
            (PARTNERS, ["Hamnrådet: Vi är med i rådet för Granviks hamn."]),
        )
    )
    return (
        f"<html lang=sv><head><title>Vision</title></head><body><main><h1>Vårt Granvik</h1>"
        f"<p>Granvik växer varsamt.</p>{body}{extra}</main></body></html>"
    )


OLD = page(
    ["Bänkar: Tre bänkar står i hamnen.", "Lyktor: Nya lyktor längs ån."],
    ["Bibliotek: Vi utreder längre öppettider.", "Badplats: En brygga planeras vid sjön."],
)
NEW = page(
    ["Bänkar: Tre bänkar står i hamnen.", "Bibliotek: Vi utreder längre öppettider."],
    ["Badplats: En brygga byggs vid sjön."],
)


def visionsvakt(*words: str, stdin: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def editions(tmp_path: Path) -> Path:
    (tmp_path / "old.html").write_text(OLD, encoding="utf-8")
    (tmp_path / "new.html").write_text(NEW, encoding="utf-8")
    return tmp_path


def test_extract_prints_one_json_document_with_every_key_of_the_contract(editions: Path) -> None:
    done = visionsvakt("extract", "old.html", "--json", cwd=editions)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert list(found) == [
        "title",
        "intro",
        "language",
        "sections",
        "unclaimed",
        "verdict",
        "reasons",
    ]
    assert (found["title"], found["intro"]) == ("Vårt Granvik", ["Granvik växer varsamt."])
    assert [section["status"] for section in found["sections"]] == [
        "ongoing",
        "developing",
        "partnership",
    ]
    assert found["sections"][0]["initiatives"][0] == {
        "title": "Bänkar",
        "description": "Tre bänkar står i hamnen.",
        "links": [],
    }
    assert (found["verdict"], found["reasons"], found["unclaimed"]) == ("good", [], [])


def test_extract_reads_standard_input_the_same(editions: Path) -> None:
    piped = visionsvakt("extract", "-", "--json", stdin=OLD)
    assert piped.stdout == visionsvakt("extract", "old.html", "--json", cwd=editions).stdout


def test_extract_tells_people_what_it_found(editions: Path) -> None:
    done = visionsvakt("extract", "old.html", cwd=editions)
    assert "Det här gör vi nu [pågår]: 2 insatser" in done.stdout
    assert "Avläsningen går att lita på: 5 insatser." in done.stdout


def test_a_reading_that_cannot_be_trusted_ends_with_one_and_its_reasons(tmp_path: Path) -> None:
    (tmp_path / "error.html").write_text("<html><body><h1>Sidan finns inte</h1></body></html>")
    done = visionsvakt("extract", "error.html", "--json", cwd=tmp_path)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["verdict"] == "suspect"
    assert all(set(reason) == {"code", "text"} for reason in found["reasons"])


def test_diff_says_what_changed_in_meaning(editions: Path) -> None:
    done = visionsvakt("diff", "old.html", "new.html", "--json", cwd=editions)
    assert (done.returncode, done.stderr) == (0, "")
    changes = json.loads(done.stdout)["changes"]
    told = {(one["title"]["new"] or one["title"]["old"], *one["kinds"]) for one in changes}
    assert told == {("Bibliotek", "moved"), ("Badplats", "reworded"), ("Lyktor", "removed")}
    assert changes[-1]["kinds"] == ["removed"]
    for one in changes:
        assert set(one) == {
            "subject",
            "kinds",
            "title",
            "status",
            "description",
            "links",
            "signals",
            "certainty",
        }


def test_diff_explains_whom_it_took_for_whom(editions: Path) -> None:
    done = visionsvakt("diff", "old.html", "new.html", "--explain", "--json", cwd=editions)
    changes = json.loads(done.stdout)["changes"]
    why = next(one["explain"] for one in changes if one["title"]["new"] == "Badplats")
    assert why["by"] == "likeness"
    assert why["candidates"][0]["title"] == "Badplats"
    assert why["score"] > why["runner_up"]
    left = next(one["explain"] for one in changes if one["kinds"] == ["removed"])
    assert left["by"] == "none"
    shown = visionsvakt("diff", "old.html", "new.html", "--explain", cwd=editions).stdout
    assert "varför: likhet" in shown


def test_diff_of_a_page_with_itself_is_empty_and_says_so(editions: Path) -> None:
    assert json.loads(
        visionsvakt("diff", "old.html", "old.html", "--json", cwd=editions).stdout
    ) == {"changes": []}
    done = visionsvakt("diff", "old.html", "old.html", cwd=editions)
    assert (done.returncode, done.stdout) == (0, "Inget har ändrats i sak.\n")


def test_diff_with_an_error_page_is_no_news(editions: Path) -> None:
    (editions / "error.html").write_text("<html><body><h1>Driftstopp</h1></body></html>")
    done = visionsvakt("diff", "old.html", "error.html", "--json", cwd=editions)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"changes": []}
    assert "error.html" in done.stderr


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["extract", "nowhere.html"], "nowhere.html: filen finns inte"),
        (["extract", "old.html", "--profile", "granvik"], "boras"),
        (["diff", "-", "-"], "standard in"),
        (["extract", "."], "går inte att läsa"),
    ],
)
def test_what_cannot_be_read_is_wrong_usage(editions: Path, words: list[str], mend: str) -> None:
    done = visionsvakt(*words, cwd=editions)
    assert (done.returncode, done.stdout) == (2, "")
    assert mend in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_profile_of_the_configuration_is_known_by_name(editions: Path) -> None:
    (editions / "visionsvakt.toml").write_text(
        "[profiles.granvik]\nsections = [\n"
        f'  {{ heading = ["{NOW}"], status = "done" }},\n'
        f'  {{ heading = ["{LATER}", "{PARTNERS}"], status = "next" }},\n]\n',
        encoding="utf-8",
    )
    done = visionsvakt("extract", "old.html", "--profile", "granvik", "--json", cwd=editions)
    assert done.returncode == 0, done.stderr
    statuses = [section["status"] for section in json.loads(done.stdout)["sections"]]
    assert statuses == ["done", "next", "next"]


def test_no_command_pays_for_pydantic(editions: Path) -> None:
    code = (
        "import sys; from cli import main; status = main(['extract', 'old.html']);"
        "sys.exit(status or 'pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=editions,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0

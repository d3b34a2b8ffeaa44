"""Cards for Slack, Teams and Mattermost: within their limits, and nothing in them is obeyed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from notifications.channels import Letterhead
from notifications.chat import (
    CARDS,
    MATTERMOST_CHARACTERS,
    SLACK_BLOCKS,
    SLACK_CHARACTERS,
    TEAMS_BYTES,
)
from notifications.subscriptions import Subscription, parse_digest
from notifications.view import View, view_of
from snapshots.database import Database
from tests.support.hooks import Hook, poster
from tests.support.telling import STOCKHOLM, Town, change, gathered, initiative, message

CHATS = ("slack", "teams", "mattermost")
EVIL = initiative("<!channel> @all *fet* [länk](https://ond.example)", description="~~x~~ `y` _z_")


def view(*told: dict[str, Any]) -> View:
    to = Subscription(id="chatt", channel="slack", url_env="CHATT")
    return view_of(message(gathered(*told)), to, Letterhead(STOCKHOLM))


def many(number: int) -> list[dict[str, Any]]:
    found = []
    for one in range(number):
        text = f"Insats {one} å ä ö " + "med många ord om torget " * 60
        kind = one % 3
        old, new = initiative(description="Kort."), initiative(f"Insats {one}", description=text)
        pair = [(None, new), (new, None), (old, new)][kind]
        found.append(change(*pair, of=f"i-{one}"))
    return found


@pytest.mark.parametrize("number", [1, 12, 30, 400, 4000])
def test_cards_stay_within_their_limits_and_say_what_is_left_out(number: int) -> None:
    shown = view(*many(number))
    slack = CARDS["slack"](shown)
    assert len(slack["blocks"]) <= SLACK_BLOCKS
    texts = [block["text"]["text"] for block in slack["blocks"]]
    assert len(slack["text"]) + sum(map(len, texts)) <= SLACK_CHARACTERS
    assert all(0 < len(text) <= 3000 for text in texts)
    teams = json.dumps(CARDS["teams"](shown), ensure_ascii=False).encode()
    assert len(teams) <= TEAMS_BYTES
    mattermost = CARDS["mattermost"](shown)["text"]
    assert len(mattermost) <= MATTERMOST_CHARACTERS
    if number >= 400:
        for text in ("\n".join(texts), teams.decode(), mattermost):
            assert "Och " in text
            assert "https://granvik.example/omsorg.html" in text


def test_a_card_of_very_many_is_filled_with_titles_and_counts_what_has_no_room() -> None:
    shown = view(*many(400))
    texts = [block["text"]["text"] for block in CARDS["slack"](shown)["blocks"]]
    said = "\n".join(texts)
    assert sum(map(len, texts)) > 0.8 * SLACK_CHARACTERS
    named = set(re.findall(r"Insats (\d+)", said))
    left = re.search(r"Och (\d+) till\.", said)
    assert left
    assert len(named) + int(left[1]) == 400


def test_nothing_that_a_page_says_is_obeyed_by_a_chat() -> None:
    shown = view(change(None, EVIL))
    slack = json.dumps(CARDS["slack"](shown), ensure_ascii=False)
    assert "<!channel>" not in slack
    mattermost = CARDS["mattermost"](shown)["text"]
    assert "@all" not in mattermost
    assert "](https://ond.example)" not in mattermost


def test_a_teams_card_is_an_adaptive_card_1_4() -> None:
    card = CARDS["teams"](view(change(None, initiative())))
    (attachment,) = card["attachments"]
    assert card["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["version"] == "1.4"
    assert attachment["content"]["actions"][0]["url"].startswith("https://")


def lines_of(card: dict[str, Any]) -> list[str]:
    return [block["text"] for block in card["attachments"][0]["content"]["body"]]


def test_a_teams_card_has_a_block_for_each_line() -> None:
    edited = initiative(description="Elva platser.\n\nÖppet för alla.")
    lines = lines_of(CARDS["teams"](view(change(initiative(description="Tio platser."), edited))))
    assert not [line for line in lines if "\n" in line], "Teams shows a line break as a space"
    assert "Status: utvecklas" in lines
    assert "\\[-Tio-\\] **{+Elva+}** platser." in lines
    assert not [line for line in lines if "~~" in line], "Teams strikes nothing through"
    assert "I texterna står borttagna ord som \\[-så-\\] och nya ord som {+så+}." in lines


def test_a_teams_card_leads_on_by_its_buttons_alone() -> None:
    card = CARDS["teams"](view(change(None, initiative())))
    assert [one["title"] for one in card["attachments"][0]["content"]["actions"]] == [
        "Öppna sidan Omsorg i Granvik"
    ]
    assert not [line for line in lines_of(card) if "Öppna sidan" in line]


def test_ordinary_text_is_not_full_of_backslashes() -> None:
    text = "Miljö- och hälsoskydd (2027): 5 + 5 platser!"
    shown = view(change(None, initiative("1. Bygga", description=f"{text}\n\n- Nej > ja")))
    for card in (CARDS["mattermost"](shown)["text"], "\n".join(lines_of(CARDS["teams"](shown)))):
        assert f"{text}\n" in card
        assert "1\\. Bygga" in card
        assert "\\- Nej > ja" in card


@pytest.mark.parametrize("channel", CHATS)
def test_a_card_leads_to_the_history_where_there_is_a_public_address(channel: str) -> None:
    to = Subscription(id="chatt", channel="slack", url_env="CHATT")
    head = Letterhead(STOCKHOLM, "https://vakt.granvik.example")
    shown = view_of(message(gathered(change(None, initiative()))), to, head)
    card = json.dumps(CARDS[channel](shown), ensure_ascii=False)
    assert "https://vakt.granvik.example/initiatives/i-laddplatser" in card
    assert "Se hela historiken" in card


@pytest.mark.parametrize("channel", CHATS)
def test_a_card_is_posted_and_its_address_is_never_on_record(
    sqlite_store: Database, channel: Any
) -> None:
    with Hook(500, 200) as hook, poster() as door:
        to = Subscription(
            id="chatt", channel=channel, url_env="CHATT", digest=parse_digest("immediate")
        )
        secret = hook.url("/hemlig-nyckel")
        town = Town(sqlite_store, [to], poster=door, secrets={"CHATT": secret})
        town.tell(change(None, initiative()))
        assert town.deliver().failed == 1
        assert town.later(minutes=1).sent == 1
        assert "hemlig-nyckel" not in json.dumps(town.deliveries)
        assert town.deliveries[0]["address"] == "$CHATT"

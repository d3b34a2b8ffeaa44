"""`doctor --send-test`: a real message to a subscription's or a given address, by its channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from cli.examination import Finding
from monitor.errors import ConfigurationError, DeliveryError, UsageError
from monitor.fetch import Fetcher
from notifications.channels import Delivery, Message, addresses_of
from notifications.subscriptions import Subscription
from pipeline.deliver import post_office
from presentation.errors import in_language
from presentation.language import Language, language
from settings import Settings, secret
from wiring import letterhead, mail_server, now


@dataclass(frozen=True, slots=True)
class Goal:
    """One address that a test goes to, as the subscription that has it."""

    subscription: Subscription
    address: str


def where_to(settings: Settings, targets: Sequence[str]) -> tuple[Goal, ...]:
    """The addresses that people named, or all there are; UsageError for what is neither."""
    known = {one.id: one for one in settings.subscriptions}
    goals: list[Goal] = []
    for target in targets or known:
        if target in known:
            goals += [Goal(known[target], address) for address in addresses_of(known[target])]
        elif "@" in target and settings.email is not None:
            mails = [one for one in settings.subscriptions if one.channel == "email"]
            spoken = settings.worker.language
            example = mails[0] if mails else Subscription("prov", "email", language=spoken)
            goals.append(Goal(replace(example, to=(target,)), target))
        elif "@" in target:
            raise UsageError(f"{settings.path}: {target}: filen har ingen tabell [email]")
        else:
            there = ", ".join(known) or "inga"
            raise UsageError(f"{target}: ingen prenumeration eller e-postadress; här finns {there}")
    return tuple(goals)


def trials(
    settings: Settings, fetcher: Fetcher, goals: Sequence[Goal], words: Language
) -> Iterator[Finding]:
    """Send to each, and say what the other side answered. Nothing of it is on record."""
    for goal in goals:
        one = goal.subscription
        name = f"{one.id} ({goal.address})"
        try:
            said = _send(settings, fetcher, goal)
        except (DeliveryError, ConfigurationError) as error:
            text = words.say(
                "doctor.test_failed", why=words.trouble(in_language(str(error), words.code))
            )
            mend = words.say("doctor.mends.test_failed")
            yield Finding("test", "trouble", "test_failed", text, mend, name)
        else:
            yield Finding("test", "ok", "ok", words.say("doctor.test_sent", said=said), "", name)


def _send(settings: Settings, fetcher: Fetcher, goal: Goal) -> str:
    one = goal.subscription
    office = post_office(
        [one],
        zone=settings.zone,
        mail=mail_server(settings) if one.channel == "email" else None,
        poster=fetcher,
        secrets=lambda owner, name: secret(settings, owner, name),
        letterhead=letterhead(settings),
    )
    text = language(one.language).say("trial.text")
    name = f"t-{token_hex(10)}"
    message = Message(name, one.id, "test", now(), {"text": text})
    channel = office.channels[one.channel]
    try:
        receipt = channel.send(Delivery(name, one.channel, goal.address, message, one))
    finally:
        channel.close()
    return receipt.text

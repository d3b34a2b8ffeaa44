"""Signed webhooks, as the Standard Webhooks specification says (standardwebhooks.com).

The body is made from the frozen message alone, so that every retry sends the same bytes under the
same `webhook-id`; only `webhook-timestamp` (when this try was made) and the signature differ.
Killed between the answer and our mark, it is posted again: the receiver drops ids it has had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from notifications.channels import Delivery, Message, Poster, Receipt, post
from notifications.digest import contract_changes, entry_from
from presentation.documents import instant

INCIDENT_KEYS = (
    "what",
    "incident",
    "subject",
    "cause",
    "text",
    "mend",
    "count",
    "first_at",
    "ended_at",
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook goes. Several secrets while keys rotate: every one of them signs."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def _clock() -> datetime:
    return datetime.now(UTC)


class WebhookChannel:
    """Posts to the endpoints of webhook subscriptions, by subscription id. Thread-safe."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        poster: Poster,
        clock: Callable[[], datetime] = _clock,
    ) -> None:
        self._endpoints = dict(endpoints)
        self._poster = poster
        self._clock = clock

    def send(self, delivery: Delivery) -> Receipt:
        """Post once. Raises TryAgain, ChannelDown, GiveUp (410 ends the subscription's)."""
        endpoint = self._endpoints[delivery.subscription.id]
        body = body_of(delivery.message)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        headers |= signed(delivery.id, self._clock(), body, endpoint.secrets)
        return post(self._poster, endpoint.url, body, headers)

    def close(self) -> None:
        """Nothing is held: the poster keeps its own connections."""


def body_of(message: Message) -> bytes:
    """The very bytes that are sent, the same for every try."""
    payload = message.payload
    data: dict[str, Any] = {"subscription": message.subscription}
    if message.kind == "digest":
        data["changes"] = contract_changes(map(entry_from, payload["entries"]))
    elif message.kind == "incident":
        data |= {key: payload.get(key) for key in INCIDENT_KEYS}
    else:
        data |= payload
    document = {
        "type": f"visionsvakt.{message.kind}",
        "timestamp": instant(message.created_at),
        "data": data,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def signed(
    message_id: str, moment: datetime, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """The specification's three headers; no signature where there is no secret."""
    from standardwebhooks.webhooks import Webhook  # late: few commands sign

    stamp = moment.astimezone(UTC).replace(microsecond=0)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(stamp.timestamp()))}
    if secrets:
        text = body.decode()
        signatures = [Webhook(secret).sign(message_id, stamp, text) for secret in secrets]
        headers["webhook-signature"] = " ".join(signatures)
    return headers

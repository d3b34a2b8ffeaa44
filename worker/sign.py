"""The sign of life: a request once a minute to whoever waits for it, while the worker works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.errors import VisionsvaktError
from settings import secret

if TYPE_CHECKING:
    from pipeline.visit import World
    from settings import Settings

EVERY_SECONDS: Final = 60.0


@dataclass(slots=True)
class Sign:
    """Whether the last one came through. One that does not is said once, until another does."""

    came_through: bool = True

    def give(self, settings: Settings, world: World) -> str | None:
        """Give it to `worker.ping_url_env`; what there is to say of it."""
        try:
            status = world.fetcher.ping(secret(settings, settings.worker, "ping_url_env")).status
            trouble = None if 200 <= status < 300 else f"svarade {status}"
        except VisionsvaktError as error:
            trouble = str(error)
        is_news = trouble is not None and self.came_through
        self.came_through = trouble is None
        return f"livstecknet kom inte fram: {trouble}" if is_news else None

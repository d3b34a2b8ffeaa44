"""Fixtures that any test may ask for by name."""

from hypothesis import settings

from tests.support.imported import imported
from tests.support.store import postgresql, sqlite_store, store, store_url

__all__ = ["imported", "postgresql", "sqlite_store", "store", "store_url"]

# How long an example takes says how busy the machine is: benchmarks measure, tests don't.
settings.register_profile("visionsvakt", deadline=None)
settings.load_profile("visionsvakt")

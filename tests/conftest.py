"""Fixtures that any test may ask for by name."""

from tests.support.imported import imported
from tests.support.store import postgresql, sqlite_store, store, store_url

__all__ = ["imported", "postgresql", "sqlite_store", "store", "store_url"]

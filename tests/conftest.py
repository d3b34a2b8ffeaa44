"""Fixtures that any test may ask for by name."""

from tests.support.store import postgresql, sqlite_store, store, store_url

__all__ = ["postgresql", "sqlite_store", "store", "store_url"]

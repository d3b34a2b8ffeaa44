"""Writes what an environment is made of, as CycloneDX JSON: run it with its own Python."""

from __future__ import annotations

import json
import sys
from importlib.metadata import distributions


def bill() -> dict[str, object]:
    """Every installed distribution, by name and version."""
    found = {(one.metadata["Name"], one.version, licence(one.metadata)) for one in distributions()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": [
            {
                "type": "library",
                "name": name,
                "version": version,
                "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
                **({"licenses": [{"license": {"name": text}}]} if text else {}),
            }
            for name, version, text in sorted(found)
        ],
    }


def licence(metadata: object) -> str:
    """The licence as the distribution states it, on one line."""
    get = metadata.get  # type: ignore[attr-defined]
    stated = get("License-Expression") or get("License") or ""
    return stated.strip().splitlines()[0][:100] if stated.strip() else ""


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=1)

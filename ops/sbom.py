"""Writes what an environment is made of, as CycloneDX JSON: run it with its own Python.

python ops/sbom.py [/var/lib/dpkg/status]     with Debian's packages, too
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

Component = dict[str, Any]


def bill(status: Path | None = None) -> Component:
    """Every installed distribution and, by the status file of dpkg, every Debian package."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": [*_distributions(), *(_packages(status) if status else ())],
    }


def _distributions() -> Iterator[Component]:
    found = {(one.metadata["Name"], one.version, _licence(one.metadata)) for one in distributions()}
    for name, version, licence in sorted(found):
        url = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        stated = {"licenses": [{"license": {"name": licence}}]} if licence else {}
        yield {"type": "library", "name": name, "version": version, "purl": url, **stated}


def _licence(metadata: Any) -> str:
    """The licence as the distribution states it, on one line."""
    stated = (metadata.get("License-Expression") or metadata.get("License") or "").strip()
    return stated.splitlines()[0][:100] if stated else ""


def _packages(status: Path) -> Iterator[Component]:
    """What dpkg says is installed; its file is one block of headers for each package."""
    for block in status.read_text(encoding="utf-8").split("\n\n"):
        package: Message = Parser().parsestr(block)
        if package["Status"] == "install ok installed":
            name, version = package["Package"], package["Version"]
            url = f"pkg:deb/debian/{name}@{version}?arch={package['Architecture']}"
            yield {"type": "library", "name": name, "version": version, "purl": url}


if __name__ == "__main__":
    json.dump(bill(Path(sys.argv[1]) if len(sys.argv) > 1 else None), sys.stdout, indent=1)

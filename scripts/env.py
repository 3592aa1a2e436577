"""``make env``: write ``.env``, a random password for every service of ``docker-compose.yaml``. Standard library only.

A variable that ``.env`` already has keeps its value: databases were made with it. Exit 0; 2 where it cannot be written.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIRED = re.compile(r"\$\{([A-Z0-9_]+):\?")
"""What the compose file takes from the environment and has no default for."""


def required(compose: str) -> list[str]:
    """The variables that the compose file demands, in its order."""
    return list(dict.fromkeys(REQUIRED.findall(compose)))


def fresh(name: str) -> str:
    """A random value: a Fernet key where the name says so, else 32 characters that need no quoting anywhere."""
    if name.endswith("FERNET_KEY"):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(16)


def main() -> int:
    path = ROOT / ".env"
    written = path.read_text(encoding="utf-8") if path.exists() else ""
    known = {line.partition("=")[0].strip() for line in written.splitlines()}
    missing = [
        name for name in required((ROOT / "docker-compose.yaml").read_text(encoding="utf-8")) if name not in known
    ]
    lines = "".join(f"{name}={fresh(name)}\n" for name in missing)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            file.write("\n" + lines if written and not written.endswith("\n") else lines)
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{path}: wrote {', '.join(missing)}" if missing else f"{path}: has everything already")
    return 0


if __name__ == "__main__":
    sys.exit(main())

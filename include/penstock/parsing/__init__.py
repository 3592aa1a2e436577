"""From bytes to elements, in child processes that may die without harm.

``ParserPool.parse_many`` is the way in. A child (``child.py``) shuts itself in (``sandbox.py``), looks at what the
bytes really are (``detect.py``), refuses what is dangerous (``archives.py``, ``xmlcheck.py``), and has one of
``formats/`` cut the rest into pieces that ``assemble.py`` turns into a ``Parsed``.
"""

from penstock.parsing.codec import from_json, to_json
from penstock.parsing.fingerprint import PARSER_REVISION, parser_fingerprint
from penstock.parsing.pool import ParseJob, ParserPool

__all__ = ["PARSER_REVISION", "ParseJob", "ParserPool", "from_json", "parser_fingerprint", "to_json"]

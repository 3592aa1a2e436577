"""The names that lead to one collection in Weaviate, and how a writer that lost its turn is kept from it.

Weaviate has no conditional write. But it resolves an alias when it takes a request up, so a name can be taken away from
whoever writes under it:

====================  ====================================================================================
``handbook_g1_r1``    the collection itself; ``_r2`` once an erasure has rewritten it
``handbook_g1``       alias: readers' name of the generation
``handbook_g1_w3``    alias: name under which writers write until they are fenced off, and never anybody again
``handbook_live``     alias: the generation of the live release, for who reads the server without penstock
====================  ====================================================================================

To fence writers off is to lead their alias to a collection that takes no row: it is for tenants, and has none. The
alias is not deleted, since a server with auto-schema would make a collection of its name. It holds for every request
that the server takes up afterwards. A request that a node took up before ends as it would have; and in a cluster a
node that is cut off learns of it late, where the consistency level is what keeps its lone write from counting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from weaviate.classes.config import Configure, DataType, Property
from weaviate.exceptions import UnexpectedStatusCodeError

from penstock.errors import StoreError, TransientError
from penstock.index.weaviate_schema import encoded

if TYPE_CHECKING:
    from penstock.index.weaviate_server import Server

TAKEN = (409, 422)
"""Statuses of a creation where there is one of the name already."""


class Names:
    """Of the collection that penstock calls ``name``."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.reading = server.settings.prefix + encoded(name)
        self.closed = f"{server.settings.prefix}closed"

    # -- the collection itself ----------------------------------------------------------------------------------------

    def physical(self) -> str:
        """The collection that holds the rows. Raises ``StoreError`` where there is none."""
        if found := self.find():
            return found
        raise StoreError(
            f"cannot use the index {self.name!r} at {self.server.url}: it does not exist; "
            "`penstock verify` says what to do"
        )

    def find(self) -> str | None:
        target = self.target(self.reading)
        return target if target and self.server.client.collections.exists(target) else None

    def physicals(self) -> dict[int, str]:
        """Every collection of this name, also one that an interrupted rewriting left, by number."""
        return self._numbered(self.server.client.collections.list_all(simple=True), "r")

    def nth_physical(self, number: int) -> str:
        return f"{self.reading}_r{number}"

    def lead(self, alias: str, physical: str) -> None:
        """Have ``alias`` lead to the collection, whether it stood before or not."""
        aliases = self.server.client.alias
        if aliases.exists(alias_name=alias):
            aliases.update(alias_name=alias, new_target_collection=physical)
        else:
            aliases.create(alias_name=alias, target_collection=physical)

    def live(self, index: str) -> str:
        """The alias of the generation that holds the live release of ``index``."""
        return f"{self.server.settings.prefix}{encoded(index)}_live"

    def target(self, alias: str) -> str | None:
        found = self.server.client.alias.get(alias_name=alias)
        return found.collection if found else None

    # -- writers ------------------------------------------------------------------------------------------------------

    def writing(self) -> str:
        """The alias under which writers write until the next ``fence``."""
        physical, known = self.physical(), self._writers()
        for alias, target in known.values():
            if target == physical:
                return alias
        alias = f"{self.reading}_w{max(known, default=0) + 1}"
        try:
            self.server.client.alias.create(alias_name=alias, target_collection=physical)
        except UnexpectedStatusCodeError as error:
            # Another writer made it at this moment. Should it be fenced off already, so is whoever asked here.
            if error.status_code not in TAKEN or self.target(alias) is None:
                raise
        return alias

    def fence(self) -> None:
        """Take their name away from all writers there are."""
        open_ = [alias for alias, target in self._writers().values() if target != self.closed]
        if open_:
            self._make_closed()
        for alias in open_:
            self.server.client.alias.update(alias_name=alias, new_target_collection=self.closed)

    def require_open(self, alias: str) -> None:
        """Raise ``TransientError`` where the writers of that alias were fenced off."""
        if self.target(alias) == self.closed:
            raise TransientError(
                f"cannot write the index {self.name!r} at {self.server.url}: another writer was faster, try again"
            )

    def _writers(self) -> dict[int, tuple[str, str]]:
        known = self.server.client.alias.list_all()
        return {number: (alias, known[alias].collection) for number, alias in self._numbered(known, "w").items()}

    def _numbered(self, names: object, kind: str) -> dict[int, str]:
        pattern = re.compile(rf"{re.escape(self.reading)}_{kind}(\d+)")
        return {int(match[1]): name for name in names if (match := pattern.fullmatch(name))}  # type: ignore[attr-defined]

    def _make_closed(self) -> None:
        collections = self.server.client.collections
        if not collections.exists(self.closed):
            collections.create(
                self.closed,
                description="takes no row: penstock leads writers here that have lost their turn",
                properties=[Property(name="nothing", data_type=DataType.INT)],
                multi_tenancy_config=Configure.multi_tenancy(enabled=True, auto_tenant_creation=False),
            )

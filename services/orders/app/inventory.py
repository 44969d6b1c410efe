"""The stock of an order, asked of the inventory: reserved, then committed or released. Each may be asked again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.models import OrderRow
from blueprint_kit.client import Client, UpstreamRefused
from blueprint_kit.problems import TYPE_PREFIX

REFUSALS = frozenset({"out-of-stock", "unknown-product", "reservation-released"})


class Inventory:
    """The inventory, as this service uses it. All raise the client's problems."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def reserve(self, order: OrderRow) -> str | None:
        """Reserve all lines of an order, or none: then the reason is returned."""
        lines = [{"sku": item.sku, "quantity": item.quantity} for item in order.items]
        try:
            await self._client.request("PUT", f"/reservations/{order.id}", json={"items": lines})
        except UpstreamRefused as error:
            reason = refusal(error.problem)
            if reason is None:
                raise
            return reason
        return None

    async def commit(self, order_id: UUID) -> None:
        """Let the reserved stock leave."""
        await self._client.request("POST", f"/reservations/{order_id}/commit")

    async def release(self, order_id: UUID) -> None:
        """Give the reserved stock back, and let the order reserve none any more, not even by a request that is late."""
        await self._client.request("POST", f"/reservations/{order_id}/release")


def refusal(problem: Mapping[str, Any]) -> str | None:
    """Why the inventory will never reserve this order, such as `out_of_stock: KIT-KTL-01`; none if it may yet."""
    kind = str(problem.get("type", "")).removeprefix(TYPE_PREFIX)
    if kind not in REFUSALS:
        return None
    lines = problem.get("lines")
    skus = [str(line.get("sku")) for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    code = kind.replace("-", "_")
    return f"{code}: {', '.join(skus)}" if skus else code

"""The ledger: what the customers were told, against what the stores of all services hold."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.orders_load import Orders
from tests.cluster.kube import Kube
from tests.cluster.shop import FINAL, PYTHON, query


@dataclass(frozen=True)
class Ledger:
    """Counts of one run, each from the store that owns it.

    Attributes:
        accepted: orders that customers were told of.
        orders: orders of these customers in the orders' database, by state.
        sold: units by SKU in confirmed orders.
        missing: units by SKU that left the stock in the run.
        reserved: units that are still reserved.
        lowest: the least that is available of any product.
        notified: how many orders have a notification, and how many notifications there are.
        events: events of the orders that were not published yet.
    """

    accepted: int
    orders: Mapping[str, int]
    sold: Mapping[str, int]
    missing: Mapping[str, int]
    reserved: int
    lowest: int
    notified: tuple[int, int]
    unpublished: int

    def lines(self) -> list[str]:
        """The ledger as text."""
        states = ", ".join(f"{status} {count}" for status, count in sorted(self.orders.items()))
        return [
            f"accepted by customers      {self.accepted}",
            f"orders in the database     {sum(self.orders.values())} ({states})",
            f"units sold                 {sum(self.sold.values())}",
            f"units missing from stock   {sum(self.missing.values())}",
            f"units still reserved       {self.reserved}",
            f"least available            {self.lowest}",
            f"orders notified            {self.notified[0]} by {self.notified[1]} notifications",
            f"events not published       {self.unpublished}",
        ]

    def faults(self) -> list[str]:
        """What does not add up."""
        confirmed = self.orders.get("confirmed", 0)
        rules = {
            "accepted orders = orders in the database": self.accepted == sum(self.orders.values()),
            "every order is in a final state": set(self.orders) <= FINAL,
            "units sold = units missing, for every product": dict(self.sold) == dict(self.missing),
            "nothing is reserved any more": self.reserved == 0,
            "stock is never negative": self.lowest >= 0,
            "notified orders = confirmed orders": self.notified[0] == confirmed,
            "no order is notified twice": self.notified[0] == self.notified[1],
            "every event is published": self.unpublished == 0,
        }
        return [rule for rule, holds in rules.items() if not holds]


def stock(kube: Kube) -> dict[str, tuple[int, int]]:
    """Available and reserved units by SKU."""
    rows = [row.split("|") for row in query(kube, "inventory", "select sku, available, reserved from stock")]
    return {sku: (int(available), int(reserved)) for sku, available, reserved in rows}


def balance(kube: Kube, seen: Orders, before: Mapping[str, tuple[int, int]]) -> Ledger:
    """The ledger of the customers of a run; `before` is the stock when it began. Nobody else may have ordered."""
    ours = f"from orders where customer = '{seen.customer}'"
    states = (row.split("|") for row in query(kube, "orders", f"select status, count(*) {ours} group by status"))
    sold = (
        row.split("|")
        for row in query(
            kube,
            "orders",
            "select sku, sum(quantity) from order_items join orders on orders.id = order_items.order_id"  # noqa: S608
            f" where customer = '{seen.customer}' and status = 'confirmed' group by sku",
        )
    )
    after = stock(kube)
    missing = {sku: sum(before[sku]) - sum(after[sku]) for sku in after}
    confirmed = query(kube, "orders", f"select id {ours} and status = 'confirmed'")
    return Ledger(
        accepted=len(set(seen.accepted.values())),
        orders={status: int(count) for status, count in states},
        sold={sku: int(units) for sku, units in sold},
        missing={sku: units for sku, units in missing.items() if units},
        reserved=sum(reserved for _, reserved in after.values()),
        lowest=min(available for available, _ in after.values()),
        notified=_notified(kube, set(confirmed), seen.customer),
        unpublished=int(query(kube, "orders", "select count(*) from outbox")[0]),
    )


def _notified(kube: Kube, confirmed: set[str], customer: str) -> tuple[int, int]:
    """How many of the confirmed orders have a receipt in the folder, and how many receipts this customer has."""
    program = (
        "import json, pathlib, sys\n"
        "for file in pathlib.Path('/var/lib/notifications').glob('*.json'):\n"
        "    receipt = json.loads(file.read_text())\n"
        "    if receipt['customer'] == sys.argv[1]: print(receipt['order_id'])\n"
    )
    inside = ["exec", "--namespace", "shop", "deployment/notifications", "--", PYTHON, "-c", program]
    receipts = Counter(kube.run(*inside, customer).split())
    return len(confirmed & set(receipts)), sum(receipts.values())

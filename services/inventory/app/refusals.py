"""Why the inventory refuses: the problems that its callers decide by."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.models import Status
from blueprint_kit.problems import Problem


class UnknownProduct(Problem):
    """422: products that have never been in the stock."""

    def __init__(self, skus: Sequence[str]) -> None:
        detail = f"there is no product {', '.join(skus)}"
        super().__init__(422, detail, kind="unknown-product", lines=[{"sku": sku} for sku in skus])


class OutOfStock(Problem):
    """409: more is wanted than is available of these products, by SKU: (wanted, available). Nothing is reserved."""

    def __init__(self, short: Mapping[str, tuple[int, int]]) -> None:
        lines = [{"sku": sku, "wanted": wanted, "available": available} for sku, (wanted, available) in short.items()]
        detail = "; ".join(f"of {sku} {wanted} are wanted, {left} available" for sku, (wanted, left) in short.items())
        super().__init__(409, detail, kind="out-of-stock", lines=lines)


class NoReservation(Problem):
    """404: nothing was ever asked for this order."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(404, f"there is no reservation for order {order_id}", order_id=str(order_id))


class ReservationDiffers(Problem):
    """409: the order has a reservation, of other items."""

    def __init__(self, order_id: UUID) -> None:
        detail = f"order {order_id} has a reservation of other items, which cannot be changed"
        super().__init__(409, detail, kind="reservation-differs")


class ReservationEnded(Problem):
    """409: the reservation is released or committed, and cannot become anything else."""

    def __init__(self, order_id: UUID, status: Status) -> None:
        super().__init__(409, f"the reservation of order {order_id} is {status} already", kind=f"reservation-{status}")


class DeliveryDiffers(Problem):
    """409: the delivery is known, with another product or quantity."""

    def __init__(self, delivery_id: UUID) -> None:
        detail = f"delivery {delivery_id} is in the stock with another product or quantity; make a new id for another"
        super().__init__(409, detail, kind="delivery-differs")

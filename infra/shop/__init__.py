"""The services of the suite, each a release of charts/microservice that differs from the others in values only."""

from infra.shop.shop import Shop

__all__ = ["Shop"]

"""The Pushgateway, as one who may push meets it: by a port that kubectl forwards, past the network's policies."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.cluster.issuing import forwarded
from tests.cluster.kube import Kube

PORT, ASK_SECONDS = 9091, 10


@contextmanager
def pushgateway(kube: Kube) -> Iterator[httpx.Client]:
    """A client of the running Pushgateway until the `with` ends."""
    with (
        forwarded(kube, "observability", "service/pushgateway", PORT) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=ASK_SECONDS) as http,
    ):
        yield http

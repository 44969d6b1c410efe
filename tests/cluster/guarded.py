"""What a pod reaches of the lab's guarded pods, at each of whose ports another rule decides, and of other things."""

from infra.lab.network_policies import GUARDED, PORTS
from tests.cluster.kube import Kube, eventually
from tests.cluster.lab import exhibit, place, settled
from tests.cluster.pods import inside

SECONDS = 20
"""In which a policy must be in force."""
REFUSED_SECONDS = 2
"""After which a connection that nobody answers is given up."""


def guarded_copy(kube: Kube, namespace: str, network: tuple[str, str]) -> str:
    """The guarded pod and its policy in the namespace; the pod's address."""
    name = GUARDED + network[0]
    place(kube, namespace, exhibit(kube, network[1], name), exhibit(kube, "deployment", name))
    (pod,) = settled(kube, namespace, name, 1)
    return str(pod["status"]["podIP"])


def reached(kube: Kube, namespace: str, client: str, address: str) -> set[int]:
    """The ports that answer. All are asked at the same time, or the denied ones would be waited for one by one."""
    asks = [f"(wget -q -T {REFUSED_SECONDS} -O /dev/null http://{address}:{port}/ && echo {port}) &" for port in PORTS]
    printed = inside(kube, namespace, client, "sh", "-c", " ".join([*asks, "wait"]))
    return {int(line) for line in printed.split()}


def comes_to(kube: Kube, namespace: str, client: str, address: str, ports: set[int]) -> None:
    """Waits until the client reaches exactly these ports."""
    what = f"{namespace}/{client} reaches exactly {sorted(ports)} of {address}"
    seen: list[set[int]] = []

    def exactly() -> bool:
        seen.append(reached(kube, namespace, client, address))
        return seen[-1] == ports

    eventually(what, exactly, seconds=SECONDS, diagnose=lambda: f"reached: {seen}")


def connects(kube: Kube, namespace: str, client: str, to: str) -> bool:
    """Whether a TCP connection is opened to `host port`."""
    command = ["sh", "-c", f"nc -w {REFUSED_SECONDS} {to} < /dev/null"]
    return kube.attempt("exec", "--namespace", namespace, client, "--", *command).returncode == 0

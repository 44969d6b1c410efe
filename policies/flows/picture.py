"""The flows as docs/network.md shows them: a picture, and a table with the reasons.

`python -m policies.flows.picture` writes both into the page, between its marks; a test fails when the page is behind.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from policies.flows.flows import FLOWS
from policies.flows.identities import IDENTITIES, PROMETHEUS
from policies.flows.model import End, Flow, FlowError, Identity, Peer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "network.md"
MARKS = {"picture": "<!-- the picture: made by policies/flows/picture.py -->", "table": "<!-- the table: likewise -->"}
END = "<!-- end -->"
_OUTSIDE = {Peer.WORLD: "outside", Peer.API_SERVER: "API server"}
_EVERYBODY = (Peer.DNS, Peer.HOST, PROMETHEUS)
"""At an end of so many flows that their lines would hide the others; the table has them."""


def picture(flows: Iterable[Flow], identities: Sequence[Identity]) -> str:
    """A Mermaid flowchart: one box for each namespace, one line for each pair of ends, with its ports.

    Source: https://mermaid.js.org/syntax/flowchart.html
    """
    shown = [flow for flow in flows if not {flow.source, flow.destination} & set(_EVERYBODY)]
    ends = {end for flow in shown for end in (flow.source, flow.destination)}
    lines = ["flowchart LR"]
    lines += [f'    {_key(peer)}(["{name}"])' for peer, name in _OUTSIDE.items() if peer in ends]
    pods = sorted((one for one in identities if one in ends), key=str)
    for namespace, inside in groupby(pods, lambda one: one.namespace):
        boxes = [f'        {_key(one)}["{one.policy_name}"]' for one in inside]
        lines += [f"    subgraph {namespace}", *boxes, "    end"]
    ports: dict[tuple[End, End], list[str]] = {}
    for flow in shown:
        if Peer.REMOTE_NODE not in (flow.source, flow.destination):
            ports.setdefault((flow.source, flow.destination), []).append(str(flow.port))
    lines += [f"    {_key(one)} -->|{', '.join(used)}| {_key(other)}" for (one, other), used in ports.items()]
    return "\n".join(["```mermaid", *lines, "```"])


def _key(end: End) -> str:
    return str(end).replace("/", "_").replace("-", "_")


def table(flows: Iterable[Flow]) -> str:
    """One line for each destination, port and reason, with everybody who may."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for flow in flows:
        line = (str(flow.destination), f"{flow.port}/{flow.protocol}", flow.why)
        reasons.setdefault(line, []).append(str(flow.source))
    rows = [f"| {', '.join(who)} | {to} | {port} | {why} |" for (to, port, why), who in reasons.items()]
    return "\n".join(["| from | to | port | why |", "|---|---|---|---|", *rows])


def current(page: str, parts: dict[str, str]) -> str:
    """The page with each part in its place.

    Raises:
        FlowError: the page lacks a part's marks.
    """
    for name, text in parts.items():
        before, mark, rest = page.partition(MARKS[name])
        _, end, after = rest.partition(END)
        if not mark or not end:
            raise FlowError(f"{PAGE.name} has no place for the {name}; put back the lines {MARKS[name]} and {END}")
        page = f"{before}{mark}\n{text}\n{end}{after}"
    return page


def parts() -> dict[str, str]:
    """What the page shows of the flows as they are."""
    return {"picture": picture(FLOWS, IDENTITIES), "table": table(FLOWS)}


if __name__ == "__main__":
    PAGE.write_text(current(PAGE.read_text(), parts()))

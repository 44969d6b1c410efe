"""One cell of the personas' table asked of a live API server: by review, and by the request itself."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from policies.personas.table import Cell
from tests.cluster.api import CONNECTIONS
from tests.cluster.callers import Caller

NOTHING = "can-cannot"
"""What requests name. It does not exist, so a request that is allowed finds nothing and changes nothing."""
VERSIONS = {
    "gateway.networking.k8s.io": "v1",
    "cilium.io": "v2",
    "metrics.k8s.io": "v1beta1",
    "autoscaling": "v2",
}
"""Of groups whose version is not `v1`, and of what is often another."""
METHODS = {
    **dict.fromkeys(("get", "list", "watch"), "GET"),
    **dict.fromkeys(("delete", "deletecollection"), "DELETE"),
    **dict.fromkeys(("patch", "escalate"), "PATCH"),
    **dict.fromkeys(("create", "bind"), "POST"),
    "update": "PUT",
    "impersonate": "GET",
}
QUERIES: dict[str, dict[str, str]] = {
    "list": {"limit": "1"},
    "watch": {"watch": "true", "timeoutSeconds": "5"},
    "deletecollection": {"dryRun": "All", "fieldSelector": f"metadata.name={NOTHING}"},
    **{verb: {"dryRun": "All"} for verb in ("create", "update", "patch", "delete")},
}
OF_THE_COLLECTION = ("list", "watch", "create", "deletecollection")
Question = tuple[str, str, str, str]


@dataclass(frozen=True)
class Request:
    """A request that needs exactly the right of a cell."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None


def request_of(cell: Cell) -> Request:
    """The request that does what the cell is about, as far as it can be done to what does not exist."""
    if cell.verb == "impersonate":
        return Request("GET", "/version", headers=_impersonating(cell))
    resource, _, part = cell.resource.partition("/")
    root = f"/apis/{cell.group}/{VERSIONS.get(cell.group, 'v1')}" if cell.group else "/api/v1"
    space = f"/namespaces/{cell.namespace}" if cell.namespace else ""
    name = "" if cell.verb in OF_THE_COLLECTION and not part else f"/{NOTHING}"
    method = METHODS[cell.verb]
    headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
    body = {"metadata": {"name": NOTHING}} if method in ("POST", "PUT", "PATCH") else None
    tail = f"/{part}" if part else ""
    return Request(method, f"{root}{space}/{resource}{name}{tail}", QUERIES.get(cell.verb, {}), headers, body)


def _impersonating(cell: Cell) -> dict[str, str]:
    if cell.resource == "serviceaccounts":
        return {"Impersonate-User": f"system:serviceaccount:{cell.namespace}:{NOTHING}"}
    groups = {"Impersonate-Group": "system:masters"} if cell.resource == "groups" else {}
    return {"Impersonate-User": NOTHING, **groups}


def asked_itself(caller: Caller, cell: Cell) -> str:
    """What is wrong with the answer to the cell's own request; nothing if it is as the table says."""
    request = request_of(cell)
    with caller.http.stream(
        request.method, request.path, params=request.query, headers=request.headers, json=request.body
    ) as answer:  # a watch would go on
        if answer.status_code < 400:
            refused = False
        else:
            answer.read()
            refused = _refused(answer)
    if refused is not cell.can and answer.status_code not in (401, 429, 500):
        return ""
    return f"{cell}: {request.method} {request.path} as {caller.username} answered {answer.status_code}"


def _refused(answer: httpx.Response) -> bool:
    """Whether the authorizers refused: admission answers with 403 as well, but never that somebody cannot."""
    return answer.status_code == 403 and "cannot" in answer.json()["message"]


def review(admin: httpx.Client, caller: Caller, cell: Cell) -> str:
    """What is wrong with the answer to a SubjectAccessReview of the cell; nothing if it is as the table says."""
    resource, _, part = cell.resource.partition("/")
    attributes = {
        "verb": cell.verb,
        "group": cell.group,
        "resource": resource,
        "subresource": part,
        "namespace": cell.namespace,
    }
    spec = {"user": caller.username, "groups": list(caller.groups), "resourceAttributes": attributes}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    answer = admin.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", json=body)
    verdict = answer.json().get("status", {})
    return "" if verdict.get("allowed") is cell.can else f"{cell}: the review of {caller.username} says {verdict}"


def wrong_cells(admin: httpx.Client, caller: Caller, cells: Iterable[Cell]) -> list[str]:
    """What differs from the table, asked both ways; a few requests at a time."""
    listed = list(cells)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        reviewed = pool.map(lambda cell: review(admin, caller, cell), listed)
        asked = pool.map(lambda cell: asked_itself(caller, cell), listed)
        return [found for found in (*reviewed, *asked) if found]


def rights_in(caller: Caller, namespace: str) -> set[Question]:
    """All that the caller may do in a namespace, as the API server lists it: verb, resource, group, name."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = caller.http.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", json=body)
    assert answer.status_code == 201, answer.text
    return {
        (verb, resource, group, name)
        for rule in answer.json()["status"]["resourceRules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for group in rule["apiGroups"]
        for name in rule.get("resourceNames", [""])
    }


def allowed(caller: Caller, verb: str, resource: str, namespace: str, group: str = "") -> bool:
    """Whether the caller may, by its own question."""
    attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": group}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = caller.http.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=body)
    assert answer.status_code == 201, answer.text
    return bool(answer.json()["status"]["allowed"])

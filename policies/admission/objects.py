"""Rules for what is not a pod: Services, rights, namespaces.

A namespaced object is looked at where its namespace is ours. What lies in no namespace is ours when it says so itself.
"""

from policies.admission import exceptions
from policies.admission.rule import Rule, Subject

_OURS = (
    "(has(object.metadata.namespace)"
    " || object.metadata.?labels[?'app.kubernetes.io/part-of'].orValue('') == 'blueprint')"
)


def _items(field: str) -> str:
    """The list in a field of the object; empty where there is none, or a null, which is how the API server itself
    hands over the rules of an aggregated role before it has any.
    """
    return f"(has(object.{field}) && object.{field} != null ? object.{field} : [])"


RULES = (
    Rule(
        "service-type",
        "a Service is no way in from outside (NodePort, LoadBalancer) unless it is listed as one",
        "make it ClusterIP and route to it through the gateway, or list it in policies/admission/exceptions.py",
        Subject.SERVICES,
        "has(object.spec.type) && object.spec.type in ['NodePort', 'LoadBalancer'] ? [object.spec.type] : []",
        allowed=exceptions.WAYS_IN,
    ),
    Rule(
        "no-external-address",
        "a Service leads to pods of the cluster: with externalIPs it takes traffic that is meant for others"
        " (CVE-2020-8554), and an external name leads out past the network policies",
        "leave out externalIPs; let externalName end in .svc.cluster.local",
        Subject.SERVICES,
        "object.spec.?externalIPs.orValue([])"
        " + (object.spec.?externalName.orValue('.svc.cluster.local').endsWith('.svc.cluster.local')"
        " ? [] : [object.spec.externalName])",
    ),
    Rule(
        "no-wildcard",
        "a role names what it allows: no * for groups, resources or verbs, which would take in what is added later",
        "write out the API groups, resources and verbs that are needed",
        Subject.ROLES,
        f"{_OURS} ? {_items('rules')}.filter(rule,"
        " (rule.verbs + rule.?resources.orValue([]) + rule.?apiGroups.orValue([])).exists(word, word.contains('*')))"
        ".map(rule, rule.verbs.join(' ') + ' on ' + rule.?resources.orValue([]).join(' ')) : []",
    ),
    Rule(
        "no-broad-binding",
        "nobody is bound to cluster-admin, and nothing is given to everybody or to nobody in particular",
        "bind a role of its own to a named user, group or service account",
        Subject.BINDINGS,
        f"{_OURS} ? (object.roleRef.name == 'cluster-admin' ? ['cluster-admin'] : [])"
        f" + {_items('subjects')}"
        ".filter(one, one.name in ['system:anonymous', 'system:unauthenticated', 'system:authenticated',"
        " 'system:serviceaccounts', 'system:masters']).map(one, one.name) : []",
    ),
    Rule(
        "restricted-namespace",
        "a namespace enforces the Pod Security level restricted",
        "label it pod-security.kubernetes.io/enforce=restricted, or write the reason into"
        " policies/admission/exceptions.py",
        Subject.NAMESPACES,
        "object.metadata.?labels[?'pod-security.kubernetes.io/enforce'].orValue('') == 'restricted' ? []"
        " : ['enforces ' + object.metadata.?labels[?'pod-security.kubernetes.io/enforce'].orValue('nothing')]",
        allowed=exceptions.UNRESTRICTED_NAMESPACES,
    ),
)

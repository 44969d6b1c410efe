"""Rules for pods, wherever they are described."""

from policies.admission import exceptions
from policies.admission.rule import Rule, Subject

RULES = (
    Rule(
        "own-registry",
        "images come from the stack's own registry alone",
        "add the image to images/catalog.toml and name it by images.reference(...)",
        Subject.PODS,
        "variables.images.filter(image, !image.startsWith(variables.registry + '/'))",
    ),
    Rule(
        "image-digest",
        "an image is named by its digest, and by no tag beside it: a tag may be moved, and nobody looks at it then",
        "write registry/name@sha256:... and leave the tag out",
        Subject.PODS,
        "variables.images.filter(image, !image.matches('^([^@/]+/)+[^@/:]+@sha256:[0-9a-f]{64}$'))",
    ),
    Rule(
        "pod-labels",
        "a pod carries app.kubernetes.io/name, and app.kubernetes.io/part-of is blueprint: network policies know it by"
        " these",
        "set both labels in the pod's metadata, or in its template's",
        Subject.PODS,
        "(variables.labels[?'app.kubernetes.io/name'].orValue('') == '' ? ['app.kubernetes.io/name'] : [])"
        " + (variables.labels[?'app.kubernetes.io/part-of'].orValue('') != 'blueprint'"
        " ? ['app.kubernetes.io/part-of'] : [])",
    ),
    Rule(
        "memory-limit",
        "every container has a memory limit: what leaks is killed before it takes its neighbours along",
        "set resources.limits.memory of the containers named",
        Subject.PODS,
        "variables.containers.filter(one, one.?resources.?limits[?'memory'].orValue('') == '').map(one, one.name)",
    ),
    Rule(
        "requests",
        "every container says how much CPU and memory it needs: the scheduler places it by that",
        "set resources.requests.cpu and resources.requests.memory of the containers named",
        Subject.PODS,
        "variables.containers.filter(one, ['cpu', 'memory'].exists(kind,"
        " one.?resources.?requests[?kind].orValue('') == '')).map(one, one.name)",
    ),
    Rule(
        "read-only-root",
        "no container writes its root file system: what breaks in finds no place for its tools",
        "set securityContext.readOnlyRootFilesystem to true and mount an emptyDir where the program must write",
        Subject.PODS,
        "variables.containers.filter(one, one.?securityContext.?readOnlyRootFilesystem.orValue(false) != true)"
        ".map(one, one.name)",
    ),
    Rule(
        "no-host-path",
        "no pod mounts a folder of its node",
        "take a claim or an emptyDir, or write the reason into policies/admission/exceptions.py",
        Subject.PODS,
        "variables.volumes.filter(one, has(one.hostPath)).map(one, one.name + ' is ' + one.hostPath.path)",
        allowed=exceptions.HOST_PATHS,
    ),
    Rule(
        "no-host-namespaces",
        "no pod uses its node's network, ports, processes or IPC",
        "leave out hostNetwork, hostPID, hostIPC and hostPort; lead to the pod by a Service",
        Subject.PODS,
        "['hostNetwork', 'hostPID', 'hostIPC'].filter(field, variables.spec[?field].orValue(false) == true)"
        " + variables.containers.filter(one, one.?ports.orValue([]).exists(port, port.?hostPort.orValue(0) != 0))"
        ".map(one, 'hostPort of ' + one.name)",
    ),
    Rule(
        "no-token",
        "no pod gets a token of the API server unless it needs one",
        "set automountServiceAccountToken to false, or write the reason into policies/admission/exceptions.py",
        Subject.PODS,
        "(variables.spec.?automountServiceAccountToken.orValue(true) == true ? ['automountServiceAccountToken'] : [])"
        " + variables.volumes.filter(one, one.?projected.?sources.orValue([])"
        ".exists(source, has(source.serviceAccountToken))).map(one, 'volume ' + one.name)",
        allowed=exceptions.TOKENS,
    ),
)

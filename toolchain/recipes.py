"""Which Go program is built from which module, and with which flags. Data only; `programs` does the work."""

from dataclasses import dataclass
from pathlib import Path

from toolchain.paths import ROOT

MODULES = ROOT / "toolchain" / "go"
KUBERNETES_VERSION = "v1.35.8"
PULUMI_VERSION = "v3.250.0"
HELM_VERSION = "v4.1.4"
CILIUM_VERSION = "1.19.7"
KUBECONFORM_VERSION = "v0.8.0"
CONTOUR_VERSION = "v1.33.8"
KUBE_STATE_METRICS_VERSION = "v2.18.0"
NATS_EXPORTER_VERSION = "v0.20.1"
VICTORIA_METRICS_VERSION = "v1.130.0"
VICTORIA_LOGS_VERSION = "v1.52.1"
COLLECTOR_VERSION = "v0.165.1"

_CILIUM_VERSION = "github.com/cilium/cilium/pkg/version.ciliumVersion"
_COMPONENT_BASE = "k8s.io/component-base/version"
_VICTORIA_VERSION = "github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version"


@dataclass(frozen=True)
class Recipe:
    """How one program is built.

    Attributes:
        module: the folder below `toolchain/go` whose go.mod and go.sum lock every version.
        package: the Go package of the program's main.
        tags: Go build tags.
        variables: values given to the linker (`-X name=value`).
    """

    module: str
    package: str
    tags: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    def arguments(self) -> list[str]:
        """The `go build` arguments that decide the program's content, without the output's place."""
        linker = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.variables)])
        tags = ["-tags", ",".join(self.tags)] if self.tags else []
        return ["-mod=readonly", "-trimpath", *tags, "-ldflags", linker, self.package]

    def files(self) -> list[Path]:
        """The files that decide the program beside its arguments: the locks, and the main package where it is ours."""
        locks = [self.folder() / name for name in ("go.mod", "go.sum")]
        own = sorted((self.folder() / self.package).rglob("*.go")) if self.package.startswith(".") else []
        return [*(lock for lock in locks if lock.exists()), *own]

    def folder(self) -> Path:
        """The module's folder."""
        return MODULES / self.module


def _kubernetes(package: str) -> Recipe:
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    variables = tuple((f"{_COMPONENT_BASE}.{name}", value) for name, value in values.items())
    return Recipe("suite", f"k8s.io/kubernetes/cmd/{package}", variables=variables)


def _cilium(package: str, *tags: str) -> Recipe:
    return Recipe("suite", f"github.com/cilium/cilium/{package}", tags, ((_CILIUM_VERSION, CILIUM_VERSION),))


def _victoria(name: str, module: str, repository: str, version: str) -> Recipe:
    package = f"github.com/VictoriaMetrics/{repository}/app/{name}"
    return Recipe(module, package, variables=((_VICTORIA_VERSION, f"{name}-{version}"),))


_KUBERNETES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubeadm",
    "kubectl",
)

RECIPES: dict[str, Recipe] = {
    **{name: _kubernetes(name) for name in _KUBERNETES},
    "cilium-agent": _cilium("daemon"),
    "cilium-operator": _cilium("operator", "ipam_provider_operator"),
    "cilium-dbg": _cilium("cilium-dbg"),
    "cilium-cni": _cilium("plugins/cilium-cni"),
    "cilium-mount": _cilium("tools/mount"),
    "cilium-sysctlfix": _cilium("tools/sysctlfix"),
    "cilium-health-responder": _cilium("cilium-health/responder"),
    "hubble-relay": _cilium("hubble-relay"),
    "coredns": Recipe("suite", "./coredns"),
    "helm": Recipe(
        "suite", "helm.sh/helm/v4/cmd/helm", variables=(("helm.sh/helm/v4/internal/version.version", HELM_VERSION),)
    ),
    "kind": Recipe("suite", "sigs.k8s.io/kind"),
    "kubeconform": Recipe(
        "kubeconform",
        "github.com/yannh/kubeconform/cmd/kubeconform",
        variables=(("main.version", KUBECONFORM_VERSION),),
    ),
    "kube-score": Recipe("kube_score", "github.com/zegl/kube-score/cmd/kube-score"),
    "kube-state-metrics": Recipe(
        "suite",
        "k8s.io/kube-state-metrics/v2",
        variables=(("github.com/prometheus/common/version.Version", KUBE_STATE_METRICS_VERSION),),
    ),
    "local-path-provisioner": Recipe("suite", "github.com/rancher/local-path-provisioner"),
    "etcd": Recipe("etcd", "go.etcd.io/etcd/server/v3"),
    "etcdctl": Recipe("etcd", "go.etcd.io/etcd/etcdctl/v3"),
    "etcdutl": Recipe("etcd", "go.etcd.io/etcd/etcdutl/v3"),
    "contour": Recipe(
        "contour",
        "github.com/projectcontour/contour/cmd/contour",
        variables=(("github.com/projectcontour/contour/internal/build.Version", CONTOUR_VERSION),),
    ),
    "log-agent": Recipe("log_agent", ".", variables=(("main.version", COLLECTOR_VERSION),)),
    "metrics-adapter": Recipe("suite", "./metrics_adapter"),
    "metrics-server": Recipe("metrics_server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),
    "nats-exporter": Recipe(
        "nats_exporter",
        "github.com/nats-io/prometheus-nats-exporter",
        variables=(("main.version", NATS_EXPORTER_VERSION),),
    ),
    "victoria-logs": _victoria("victoria-logs", "victoria_logs", "VictoriaLogs", VICTORIA_LOGS_VERSION),
    "victoria-metrics": _victoria("victoria-metrics", "victoria_metrics", "VictoriaMetrics", VICTORIA_METRICS_VERSION),
    "pulumi": Recipe(
        "pulumi",
        "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        variables=(("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", PULUMI_VERSION),),
    ),
}

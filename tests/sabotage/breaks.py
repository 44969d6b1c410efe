"""What is broken, and which live tests must notice: the shop first, then the lab chapter by chapter."""

import json
from typing import Any

from tests.cluster.kube import Kube, eventually
from tests.cluster.pods import idle_command, toolbox_pod
from tests.cluster.shop import PYTHON
from tests.sabotage.admission_breaks import ADMISSION, only_warns
from tests.sabotage.breaking import Act, Break, Change, Object, command, docker, replicas
from tests.sabotage.control_plane_breaks import CONTROL_PLANE
from tests.sabotage.identity_breaks import IDENTITY
from tests.sabotage.observability_breaks import OBSERVABILITY


def _pod(workload: Object) -> Object:
    found: Object = workload["spec"]["template"]["spec"]
    return found


def _container(workload: Object, name: str) -> Object:
    pod = _pod(workload)
    found: Object = next(one for one in [*pod["containers"], *pod.get("initContainers", [])] if one["name"] == name)
    return found


def _environment(workload: Object, name: str, variable: Object) -> None:
    _container(workload, name).setdefault("env", []).append(variable)


def _goes_at_once(deployment: Object) -> None:
    """All old pods are killed before there is a new one that serves."""
    deployment["spec"]["strategy"] = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "100%"},
    }
    _pod(deployment)["terminationGracePeriodSeconds"] = 0
    _container(deployment, "catalog").pop("lifecycle")


def _fixed(count: int) -> Any:
    def change(autoscaler: Object) -> None:
        autoscaler["spec"] |= {"minReplicas": count, "maxReplicas": count}

    return change


def _watched_as_one_file(deployment: Object) -> None:
    (mount,) = [one for one in _container(deployment, "gateway")["volumeMounts"] if one["mountPath"] == "/etc/watched"]
    mount |= {"mountPath": "/etc/watched/routes.yaml", "subPath": "routes.yaml"}


def _passwords_for_everybody(deployment: Object) -> None:
    for volume in _pod(deployment)["volumes"]:
        if "secret" in volume:
            volume["secret"]["defaultMode"] = 0o444


def _sql(database: str, statement: str) -> Any:
    server = ("exec", "--namespace", "data", "postgres-0", "--", "psql", "--username=postgres", f"--dbname={database}")
    return command(*server, "--command", statement)


def _stray(kube: Kube) -> None:
    """A pod whose image is named by a tag of another registry; it need not run."""
    pod = toolbox_pod("stray", "elsewhere.test/toolbox:latest", idle_command())
    pod["metadata"]["namespace"] = "edge"
    create = ("create", "--filename", "-")
    eventually(
        "the API server has seen that the rules only warn",
        lambda: kube.attempt(*create, stdin=json.dumps(pod)).returncode == 0,
        seconds=30,
    )


def _workers(kube: Kube) -> list[str]:
    nodes = kube.items("nodes", "--selector", "!node-role.kubernetes.io/control-plane")
    return [node["metadata"]["name"] for node in nodes]


def _cordon(kube: Kube) -> None:
    kube.run("cordon", *_workers(kube))


def _uncordon(kube: Kube) -> None:
    kube.run("uncordon", *_workers(kube))


def _controllers(move: str) -> Any:
    """Takes the controller manager's manifest away from the kubelet, or gives it back."""

    def act(kube: Kube) -> None:
        (node,) = kube.items("nodes", "--selector", "node-role.kubernetes.io/control-plane")
        manifest = "/etc/kubernetes/manifests/kube-controller-manager.yaml"
        aside = "/etc/kubernetes/kube-controller-manager.yaml"
        source, destination = (manifest, aside) if move == "away" else (aside, manifest)
        docker("exec", node["metadata"]["name"], "mv", source, destination)
        wanted = "delete" if move == "away" else "condition=Ready"
        pod = f"pod/kube-controller-manager-{node['metadata']['name']}"
        if move == "back":
            kube.run("wait", "--namespace", "kube-system", "--for=create", pod, "--timeout=90s", seconds=100)
        kube.run("wait", "--namespace", "kube-system", f"--for={wanted}", pod, "--timeout=90s", seconds=100)

    return act


SHOP = (
    Break(
        "A1 G1",
        "a service's pods are killed all at once",
        [Change("deployment", "shop", "catalog", _goes_at_once)],
        ["test_zero_downtime.py::test_a_service_is_rolled_under_load_and_no_request_fails[shop-catalog]"],
        alone=True,
    ),
    Break(
        "A1 A8 B1",
        "payments are not there",
        [replicas("deployment", "shop", "payments", usual=2)],
        [
            "test_load.py::test_a_minute_of_traffic_has_no_unexpected_answer",
            "test_orders.py::test_an_order_is_confirmed_and_counted_once",
            "test_orders.py::test_a_declined_payment_releases_the_stock",
        ],
        alone=True,
    ),
    Break(
        "A8 B1",
        "nobody consumes what was confirmed",
        [replicas("deployment", "shop", "notifications", usual=1)],
        ["test_orders.py::test_an_order_is_confirmed_and_counted_once"],
        alone=True,
    ),
    Break(
        "A8",
        "the broker is down",
        [replicas("statefulset", "data", "nats", usual=1)],
        [
            "test_messages.py::test_a_poison_message_goes_to_the_dead_letters_and_holds_nothing_up",
            "test_messages.py::test_an_event_that_comes_twice_changes_nothing",
            "test_messages.py::test_an_event_of_an_order_that_is_not_there_makes_none",
        ],
        alone=True,
    ),
    Break(
        "A2",
        "the catalog may log in to the database of the orders",
        [
            Act(
                "data/postgres",
                _sql("orders", "grant connect on database orders to catalog"),
                _sql("orders", "revoke connect on database orders from catalog"),
            )
        ],
        ["test_orders.py::test_a_service_cannot_log_in_to_the_database_of_another"],
    ),
    Break(
        "A3 A9",
        "a pod runs an image of another registry by its tag",
        [
            only_warns("own-registry"),
            only_warns("image-digest"),
            Act(
                "edge/stray",
                _stray,
                command("delete", "pod", "stray", "--namespace", "edge", "--grace-period=0", "--force"),
            ),
        ],
        ["test_nodes.py::test_every_image_of_ours_comes_from_the_stacks_registry_by_digest"],
    ),
    Break(
        "A5 B4",
        "no node takes the pods that should replace others",
        [Act("nodes", _cordon, _uncordon)],
        ["test_recovery.py::test_a_catalog_pod_killed_under_load_fails_no_request"],
        alone=True,
    ),
    Break(
        "A6",
        "the cache is down",
        [replicas("statefulset", "data", "valkey", usual=1)],
        ["test_cache_and_configuration.py::test_the_catalog_reads_through_its_cache"],
        alone=True,
    ),
    Break(
        "A7 B6 C3 C4",
        "the ways in lead to no port of the gateway",
        [
            Change("service", "edge", name, lambda found: found["spec"]["ports"][0].update(targetPort=9999))
            for name in ("gateway-nodeport", "gateway-loadbalancer")
        ],
        ["test_products.py::test_products_are_served_through_every_way_in"],
        alone=True,
    ),
    Break(
        "B2",
        "a client sticks to one pod of payments",
        [Change("service", "shop", "payments", lambda found: found["spec"].update(sessionAffinity="ClientIP"))],
        ["test_scaling.py::test_requests_spread_over_all_replicas_and_more_replicas_share_them"],
        alone=True,
    ),
    Break(
        "B3",
        "the autoscaler may add no pod",
        [Change("hpa", "edge", "gateway", _fixed(2))],
        ["test_scaling.py::test_the_gateway_grows_under_load_and_shrinks_after"],
        alone=True,
    ),
    Break(
        "B4 F11",
        "the budgets let no pod of the catalog go",
        [Change("pdb", "shop", "catalog", lambda found: found.update(spec=_none_may_go(found["spec"])))],
        ["test_zero_downtime.py::test_a_node_is_drained_under_load_and_no_request_fails"],
        alone=True,
    ),
    Break(
        "B7 C5 C6",
        "the cluster's DNS is down",
        [replicas("deployment", "kube-system", "coredns", usual=2)],
        [
            "test_network.py::test_names_of_services_resolve",
            "test_lab_services.py::test_the_name_of_a_headless_service_lists_its_pods",
            "test_lab_services.py::test_an_external_name_leads_elsewhere",
        ],
        alone=True,
    ),
    Break(
        "C15",
        "PostgreSQL writes beside its claim",
        [
            Change(
                "statefulset",
                "data",
                "postgres",
                lambda found: _container(found, "postgres")["env"][0].update(value="/var/run/postgresql/pgdata"),
            )
        ],
        ["test_recovery.py::test_postgresql_keeps_its_data_when_its_pod_is_deleted"],
        alone=True,
    ),
    Break(
        "F7",
        "the environment does not come from the ConfigMap",
        [
            Change(
                "deployment",
                "shop",
                "payments",
                lambda found: _environment(found, "payments", {"name": "LOG_LEVEL", "value": "info"}),
            )
        ],
        ["test_cache_and_configuration.py::test_an_environment_changes_only_with_the_rollout_that_the_change_triggers"],
        alone=True,
    ),
    Break(
        "F8",
        "the argument is another one than the ConfigMap's value",
        [Change("configmap", "data", "valkey", lambda found: found["data"].update(VALKEY_MAXMEMORY="9mb"))],
        ["test_cache_and_configuration.py::test_a_configmap_s_value_is_an_argument_of_valkey"],
    ),
    Break(
        "F9",
        "the watched file is mounted by itself, so no change reaches it",
        [Change("deployment", "edge", "gateway", _watched_as_one_file)],
        ["test_cache_and_configuration.py::test_a_changed_file_reaches_the_gateway_without_a_restart"],
        alone=True,
    ),
    Break(
        "F10",
        "everybody in the pod may read the password",
        [Change("deployment", "shop", "catalog", _passwords_for_everybody)],
        ["test_cache_and_configuration.py::test_a_secret_is_a_file_of_the_pods_that_need_it_and_of_no_other"],
        alone=True,
    ),
)


def _none_may_go(spec: Object) -> Object:
    return {"selector": spec["selector"], "maxUnavailable": 0}


def _serves_elsewhere(deployment: Object) -> None:
    web = _container(deployment, "web")
    web["command"] = [part.replace("-p 8080", "-p 8099") for part in web["command"]]


def _folder_of_its_own(deployment: Object) -> None:
    (mount,) = [one for one in _container(deployment, "client")["volumeMounts"] if one["mountPath"] == "/shared"]
    mount["name"] = "scratch"


def _files_go_with_the_container(deployment: Object) -> None:
    web = _container(deployment, "web")
    web["command"] = [part.replace("'exit 0'", "'rm /shared/index.html; exit 0'") for part in web["command"]]


def _one_value_only(replica_set: Object) -> None:
    for expression in replica_set["spec"]["selector"]["matchExpressions"]:
        if expression["operator"] == "In":
            expression["values"] = ["front"]


def _unselective(service: Object) -> None:
    service["spec"]["selector"].pop("blueprint/serving")


def _with_an_address(service: Object) -> None:
    for key in ("clusterIP", "clusterIPs"):
        del service["spec"][key]


def _file_by_itself(deployment: Object) -> None:
    (mount,) = [one for one in _container(deployment, "configured")["volumeMounts"] if one["mountPath"] == "/etc/lab"]
    mount |= {"mountPath": "/etc/lab/greeting.txt", "subPath": "greeting.txt"}


def _token_in_the_environment(deployment: Object) -> None:
    source = {"secretKeyRef": {"name": "configured", "key": "token"}}
    _environment(deployment, "configured", {"name": "TOKEN", "valueFrom": source})


def _always_well(probe: str, how: str) -> Any:
    """The probe asks nothing that could be answered by no."""
    yes = [PYTHON, "-c", ""] if how == "grpc" else ["true"]

    def change(deployment: Object) -> None:
        container = _container(deployment, "probed")
        kept = {key: value for key, value in container[probe].items() if key.endswith(("Seconds", "Threshold"))}
        container[probe] = kept | {"exec": {"command": yes}}

    return change


def _lab(concepts: str, what: str, change: Change, *tests: str) -> Break:
    return Break(concepts, what, [change], tests)


def _deployment(name: str, break_it: Any, **more: bool) -> Change:
    return Change("deployment", "lab", name, break_it, **more)


LAB = (
    _lab(
        "C1 J2",
        "the container serves on another port",
        _deployment("one-pod", _serves_elsewhere),
        "test_lab_pods.py::test_a_container_reaches_its_sidecar_on_localhost",
    ),
    _lab(
        "C1",
        "the container has a folder of its own",
        _deployment("one-pod", _folder_of_its_own),
        "test_lab_pods.py::test_a_file_written_by_one_container_is_read_by_another",
    ),
    _lab(
        "C1",
        "the sidecar comes before the init container",
        _deployment("one-pod", lambda found: _pod(found)["initContainers"].reverse()),
        "test_lab_pods.py::test_an_init_container_ends_before_the_sidecar_and_the_sidecar_is_up_before_the_others",
    ),
    _lab(
        "C1 J8",
        "the files go with the container",
        _deployment("one-pod", _files_go_with_the_container),
        "test_lab_pods.py::test_a_container_that_starts_again_keeps_the_pods_address_and_files",
    ),
    _lab(
        "C2 C6",
        "the second port leads to the first one",
        Change("service", "lab", "echo", lambda found: found["spec"]["ports"][1].update(targetPort="http")),
        "test_lab_services.py::test_each_port_of_a_service_answers",
    ),
    _lab(
        "C6",
        "no client sticks",
        Change(
            "service",
            "lab",
            "echo-sticky",
            lambda found: found["spec"].update(sessionAffinity="None", sessionAffinityConfig=None),
        ),
        "test_lab_services.py::test_a_client_sticks_to_one_pod_where_the_service_says_so",
    ),
    _lab(
        "C6 B7",
        "the headless Service has an address",
        Change("service", "lab", "echo-headless", _with_an_address, recreate=True),
        "test_lab_services.py::test_the_name_of_a_headless_service_lists_its_pods",
    ),
    _lab(
        "C5",
        "the alias leads to somebody else",
        Change(
            "service",
            "lab",
            "echo-alias",
            lambda found: found["spec"].update(externalName="payments.shop.svc.cluster.local"),
        ),
        "test_lab_services.py::test_an_external_name_leads_elsewhere",
    ),
    _lab(
        "C7",
        "the Service selects whatever the label says",
        Change("service", "lab", "echo", _unselective),
        "test_lab_services.py::test_a_relabelled_pod_leaves_its_service_and_returns",
    ),
    _lab(
        "C7 C10",
        "the set has one value",
        Change("replicaset", "lab", "replica-set", _one_value_only, recreate=True),
        "test_lab_controllers.py::test_a_set_based_selector_keeps_one_value_and_lets_another_go",
    ),
    _lab(
        "C8",
        "the default is another one",
        Change(
            "limitrange",
            "lab",
            "defaults",
            lambda found: found["spec"]["limits"][0]["default"].update(memory="128Mi"),
        ),
        "test_lab_limits.py::test_what_a_container_leaves_out_is_filled_in",
    ),
    _lab(
        "C8",
        "the quota lets three in",
        Change("resourcequota", "lab", "lowest", lambda found: found["spec"]["hard"].update(pods="3")),
        "test_lab_limits.py::test_the_quota_refuses_one_pod_too_many",
    ),
    _lab(
        "C12",
        "the DaemonSet takes every node",
        Change(
            "daemonset",
            "lab",
            "daemon-set",
            lambda found: _pod(found).update(nodeSelector={"kubernetes.io/os": "linux"}),
        ),
        "test_lab_controllers.py::test_a_daemon_set_follows_the_labels_of_the_nodes",
    ),
    _lab(
        "C13",
        "the Job runs four at a time",
        Change("job", "lab", "completions", lambda found: found["spec"].update(parallelism=4), recreate=True),
        "test_lab_jobs.py::test_a_job_runs_two_pods_at_a_time_until_four_have_succeeded",
    ),
    _lab(
        "C13",
        "the Job tries once more",
        Change("cronjob", "lab", "fails", lambda found: found["spec"]["jobTemplate"]["spec"].update(backoffLimit=2)),
        "test_lab_jobs.py::test_a_failing_job_stops_at_its_limit",
    ),
    _lab(
        "C1 C13",
        "the sidecar is an init container that never ends",
        Change(
            "job",
            "lab",
            "sidecar-ends",
            lambda found: [_pod(found)["initContainers"][0].pop(key) for key in ("restartPolicy", "startupProbe")],
            recreate=True,
        ),
        "test_lab_pods.py::test_a_native_sidecar_does_not_keep_a_job_from_its_end",
    ),
    _lab(
        "C14",
        "the CronJob is suspended",
        Change("cronjob", "lab", "hourly", lambda found: found["spec"].update(suspend=True)),
        "test_lab_jobs.py::test_a_cron_job_makes_a_job_by_the_clock",
    ),
    _lab(
        "C16",
        "a dependent has no owner",
        Change("configmap", "lab", "dependent-one", lambda found: found["metadata"].pop("ownerReferences")),
        "test_lab_ownership.py::test_the_exhibits_dependents_name_their_owner_by_its_uid",
    ),
    _lab(
        "C16",
        "an exhibit says nothing of itself",
        Change("service", "lab", "echo-alias", lambda found: found["metadata"]["annotations"].pop("blueprint/concept")),
        "test_lab_ownership.py::test_every_exhibit_says_in_an_annotation_what_it_shows",
    ),
    _lab(
        "F7 F8",
        "the environment does not come from the ConfigMap",
        _deployment(
            "configured",
            lambda found: _container(found, "configured").update(env=[{"name": "COLOUR", "value": "red"}]),
        ),
        "test_lab_configuration.py::test_one_value_arrives_in_three_ways",
        "test_lab_configuration.py::test_a_change_reaches_files_at_once_and_the_rest_with_new_pods",
    ),
    _lab(
        "F9",
        "the file is mounted by itself, so no change reaches it",
        _deployment("configured", _file_by_itself),
        "test_lab_configuration.py::test_a_change_reaches_files_at_once_and_the_rest_with_new_pods",
    ),
    _lab(
        "F9",
        "the ConfigMap may be changed",
        Change("configmap", "lab", "sealed", lambda found: found.pop("immutable"), recreate=True),
        "test_lab_configuration.py::test_an_immutable_config_map_cannot_be_changed",
    ),
    _lab(
        "F10 E4",
        "the secret is in the environment too",
        _deployment("configured", _token_in_the_environment),
        "test_lab_configuration.py::test_a_secret_is_a_file_in_memory_and_in_no_environment",
    ),
    *(
        _lab(
            f"F{1 + number if kind == 'livenessProbe' else 4 + number if kind == 'readinessProbe' else 1 + number}",
            f"the {kind} by {how} asks nothing",
            _deployment(f"probed-by-{how}", _always_well(kind, how)),
            f"test_lab_probes.py::{test}[{how}]",
        )
        for kind, test in (
            ("livenessProbe", "test_a_failing_liveness_probe_restarts_the_container"),
            ("readinessProbe", "test_a_failing_readiness_probe_takes_the_pod_out_of_its_service"),
            ("startupProbe", "test_a_startup_probe_holds_the_others_off_and_gives_up_at_its_limit"),
        )
        for number, how in ((0, "command"), (1, "http"), (2, "tcp"), (2, "grpc"))
    ),
    Break(
        "C9 C10 C12 C16",
        "no controller runs",
        [Act("kube-system/controllers", _controllers("away"), _controllers("back"))],
        [
            "test_lab_controllers.py::test_a_deleted_pod_is_replaced[replication-controller]",
            "test_lab_controllers.py::test_a_deleted_pod_is_replaced[replica-set]",
            "test_lab_controllers.py::test_a_daemon_set_follows_the_labels_of_the_nodes",
            "test_lab_ownership.py::test_deleting_the_owner_collects_its_dependents",
            "test_lab_ownership.py::test_an_owner_deleted_as_an_orphan_maker_leaves_its_dependents",
            "test_rollout.py::test_a_rollout_keeps_the_old_replicaset_and_a_rollback_runs_its_image_again",
        ],
        alone=True,
    ),
)

BREAKS = (*SHOP, *LAB, *ADMISSION, *CONTROL_PLANE, *IDENTITY, *OBSERVABILITY)

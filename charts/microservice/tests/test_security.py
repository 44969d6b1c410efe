"""Every pod of the chart keeps to the `restricted` Pod Security level, and to more than that."""

import pytest
from rendered import EVERY, Render, pick, pod_templates


@pytest.mark.parametrize("service", EVERY)
def test_pods_are_restricted(render: Render, service: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    for template in pod_templates(render(service)):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in context
            assert not any("hostPort" in port for port in container.get("ports", []))
        kinds = {kind for volume in pod["volumes"] for kind in volume} - {"name"}
        assert kinds <= {"emptyDir", "configMap", "secret", "persistentVolumeClaim"}


@pytest.mark.parametrize("service", EVERY)
def test_root_file_system_is_read_only_and_tmp_is_small(render: Render, service: str) -> None:
    for template in pod_templates(render(service)):
        assert all(item["securityContext"]["readOnlyRootFilesystem"] is True for item in template["spec"]["containers"])
        empties = [volume["emptyDir"] for volume in template["spec"]["volumes"] if "emptyDir" in volume]
        assert [empty["sizeLimit"] for empty in empties] == ["64Mi"]


@pytest.mark.parametrize("service", EVERY)
def test_no_token_unless_asked_for(render: Render, service: str) -> None:
    objects = render(service, serviceAccount={})
    for template in pod_templates(objects):
        assert template["spec"]["automountServiceAccountToken"] is False
    assert pick(objects, "ServiceAccount", service)["automountServiceAccountToken"] is False
    asked = render(service, serviceAccount={"token": True})
    assert pick(asked, "ServiceAccount", service)["automountServiceAccountToken"] is True
    assert True in [template["spec"]["automountServiceAccountToken"] for template in pod_templates(asked)]


@pytest.mark.parametrize("service", EVERY)
def test_resources_are_bounded(render: Render, service: str) -> None:
    for template in pod_templates(render(service)):
        for container in template["spec"]["containers"]:
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("service", EVERY)
def test_images_are_by_digest(render: Render, service: str) -> None:
    for template in pod_templates(render(service)):
        assert all("@sha256:" in container["image"] for container in template["spec"]["containers"])


@pytest.mark.parametrize("service", EVERY)
def test_kubernetes_sets_no_variables_of_other_services(render: Render, service: str) -> None:
    assert all(template["spec"]["enableServiceLinks"] is False for template in pod_templates(render(service)))

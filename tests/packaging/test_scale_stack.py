"""The files that start a whole stack agree with each other, the image and the code.

They are read as the tools that run them read them: every setting in them must exist and be one that
the server takes, every secret must come from outside, and who joins the cluster must name its head.
"""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from bitbrook.settings import CLIENT_VARIABLES, PREFIX, load_settings

PACKAGING = Path(__file__).parents[2] / "packaging"
ROLES = ("head", "worker", "server")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded = yaml.safe_load((PACKAGING / "compose-scale.yaml").read_text())
    found: dict[str, Any] = loaded["services"]
    return found


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    loaded = yaml.safe_load_all((PACKAGING / "kubernetes" / "scale.yaml").read_text())
    return {each["kind"]: each for each in loaded if each["kind"] != "NetworkPolicy"}


def given(text: str) -> str:
    """A value with what its user gives."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)?\}", lambda m: m.group(1) or "given to it", text)


def test_the_settings_of_the_stack_are_taken(services: dict[str, Any]) -> None:
    for role in ROLES:
        environment = {name: given(str(v)) for name, v in services[role]["environment"].items()}
        environment = {name: text.replace(" ", "-") for name, text in environment.items()}
        settings = load_settings(None, environment, {})
        assert settings.log_database == settings.catalogue_database
        assert settings.compute == "ray://head:6379"
        assert not settings.stores_in_data
        assert not {name.removeprefix(PREFIX) for name in environment} & CLIENT_VARIABLES


def test_no_password_is_in_the_files(services: dict[str, Any], manifests: dict[str, Any]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "SECRET" in name:
                assert str(value).startswith("${"), name
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "bitbrook-scale"}}]
    assert not [each for each in container["env"] if "PASSWORD" in each["name"]]


def test_everybody_joins_the_same_cluster(services: dict[str, Any]) -> None:
    head, worker, server = (services[role]["entrypoint"] for role in ROLES)
    assert head[:3] == ["ray", "start", "--head"]
    assert "--port=6379" in head
    assert "--address=head:6379" in worker
    joins, _, serves = server[2].partition("&& exec ")
    assert "--address=head:6379" in shlex.split(joins)
    assert serves == "bitbrook serve"
    memory = next(word for word in worker if word.startswith("--memory="))
    owner = int(services["worker"]["environment"]["BITBROOK_OWNER_MEMORY_BYTES"])
    assert int(memory.partition("=")[2]) >= owner, "a node holds an owner at least"
    assert services["server"]["image"] == services["worker"]["image"]


def test_the_image_can_be_built_with_what_they_need(services: dict[str, Any]) -> None:
    dockerfile = (PACKAGING / "Dockerfile").read_text()
    (name,) = services["server"]["build"]["args"]
    assert re.search(rf"^ARG {name}=", dockerfile, re.MULTILINE)
    assert f'".[${name}]"' in dockerfile


def test_the_manifests_agree(manifests: dict[str, Any]) -> None:
    cluster, deployment = manifests["RayCluster"], manifests["Deployment"]
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    head = f"{cluster['metadata']['name']}-head-svc:6379"
    assert f"--address={head}" in server["command"][2]
    settings = {each["name"]: each["value"] for each in server["env"]}
    assert settings["BITBROOK_COMPUTE"] == f"ray://{head}"
    (workers,) = cluster["spec"]["workerGroupSpecs"]
    node_bytes = int(workers["rayStartParams"]["memory"])
    assert node_bytes % int(settings["BITBROOK_OWNER_MEMORY_BYTES"]) == 0
    (container,) = workers["template"]["spec"]["containers"]
    limit = container["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Gi")) << 30 > node_bytes
    for template in (
        cluster["spec"]["headGroupSpec"]["template"],
        workers["template"],
        deployment["spec"]["template"],
    ):
        pod = template["spec"]
        assert pod["securityContext"]["runAsUser"] == 10001
        (container,) = pod["containers"]
        assert container["image"] == server["image"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {each["name"] for each in container["volumeMounts"]} == {
            each["name"] for each in pod["volumes"]
        }
    policies = [
        each
        for each in yaml.safe_load_all((PACKAGING / "kubernetes" / "scale.yaml").read_text())
        if each["kind"] == "NetworkPolicy"
    ]
    to_ray, to_servers = (each["spec"] for each in policies)
    assert to_ray["podSelector"]["matchLabels"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    assert not [rule for rule in to_ray["ingress"] if "from" not in rule], "only its own nodes"
    open_ports = [rule["ports"] for rule in to_servers["ingress"] if "from" not in rule]
    assert open_ports == [[{"port": server["ports"][0]["containerPort"]}]]
    selector = manifests["Service"]["spec"]["selector"]
    assert selector == deployment["spec"]["selector"]["matchLabels"]
    assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"

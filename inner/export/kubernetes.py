"""A Job and a NetworkPolicy, as YAML whose strings are JSON's: what cannot be said is said in comments above them."""

from __future__ import annotations

import json

from inner.egress.rules import PLAIN, parse
from inner.frozen import TYPE_CHECKING
from inner.ui import safe

if TYPE_CHECKING:
    from typing import Any

    from inner.export.container import Container

METADATA = "169.254.0.0/16"  # where clouds answer with credentials (RFC 3927)


def render(box: Container) -> str:
    """The whole text."""
    notices = [*box.notices, "the number of processes is the node's to limit (podPidsLimit)"]
    if box.names:
        notices.append(f"secrets come by reference: `kubectl create secret generic {box.name} --from-literal={box.names[0]}=...`")
    notices.extend(
        f"not mounted: {one.src} at {one.dest}; a cluster has no files of this host"
        for one in box.volumes
        if one.kind == "bind" and one.dest != box.project
    )
    notices.append(f"the project comes from the claim {box.name}-project: it is yours to fill and to read back")
    notices.append("a cluster whose network does not enforce NetworkPolicy holds none of it")
    policy = _policy(box, notices)
    head = "\n".join(f"# {safe(notice)}" for notice in notices)
    return "\n".join((head, *_yaml(_job(box)), "---", *_yaml(policy)))


def _job(box: Container) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": box.name, "app.kubernetes.io/managed-by": "inner"}
    volumes: list[dict[str, Any]] = [{"name": "project", "persistentVolumeClaim": {"claimName": f"{box.name}-project"}}]
    mounts: list[dict[str, Any]] = [{"name": "project", "mountPath": box.project}] if box.project else []
    for number, one in enumerate(one for one in box.volumes if one.kind in ("tmpfs", "mask") and one.shape == "dir"):
        name = f"empty-{number}"
        volumes.append({"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": str(one.size or 4096)}})
        mounts.append({"name": name, "mountPath": one.dest, **({"readOnly": True} if one.kind == "mask" else {})})
    cpu = f"{int(box.cpu * 1000)}m"
    env: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in box.env]
    env += [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": box.name, "key": name, "optional": True}}} for name in box.names
    ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": box.name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            **({"activeDeadlineSeconds": box.timeout} if box.timeout else {}),
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "hostUsers": False,
                    "hostname": "box",
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": box.uid,
                        "runAsGroup": box.gid,
                        "fsGroup": box.gid,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "box",
                            "image": box.image,
                            "command": list(box.command),
                            "workingDir": box.cwd,
                            "env": env,
                            "stdin": box.terminal,
                            "tty": box.terminal,
                            "resources": {
                                "limits": {"memory": str(box.memory), "cpu": cpu},
                                "requests": {"memory": str(box.memory), "cpu": cpu},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "privileged": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": mounts,
                        }
                    ],
                    "volumes": volumes,
                },
            },
        },
    }


def _policy(box: Container, notices: list[str]) -> dict[str, Any]:
    """Nothing comes in. What goes out: nothing, the addresses of an allowlist (names cannot be said), or all but the cloud's own."""
    egress: list[dict[str, Any]] = []
    if box.network == "full":
        egress.append(
            {
                "to": [
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": [METADATA]}},
                    {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}},
                ]
            }
        )
    elif box.network == "allowlist":
        names = []
        for text in box.hosts:
            entry = parse(text)
            if entry.kind != "address":
                names.append(text)
                continue
            bits = 128 if ":" in entry.name else 32
            ports = [{"protocol": "TCP", "port": port} for port in ((entry.port,) if entry.port else PLAIN)]
            egress.append({"to": [{"ipBlock": {"cidr": f"{entry.name}/{bits}"}}], "ports": ports})
        if names:
            notices.append(
                f"NetworkPolicy knows addresses alone, so these cannot be reached: {', '.join(names)}; add their egress gateway"
            )
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": box.name},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": box.name}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": egress,
        },
    }


def _yaml(value: Any, indent: int = 0) -> list[str]:
    """Block style; every scalar is JSON's, which is YAML 1.2's."""
    pad, lines = " " * indent, []
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines += [f"{pad}{key}:", *_yaml(item, indent + 2)]
            else:
                lines.append(f"{pad}{key}: {json.dumps(item)}")
    else:
        for item in value:
            if isinstance(item, dict) and item:
                first, *rest = _yaml(item, indent + 2)
                lines += [f"{pad}- {first.lstrip()}", *rest]
            else:
                lines.append(f"{pad}- {json.dumps(item)}")
    return lines

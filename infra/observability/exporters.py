"""The exporters of the stores: each asks one store for its figures when Prometheus asks it.

None can read what the store holds: PostgreSQL's has a login with `pg_monitor`, Valkey's a user that sees no key, and
NATS's asks the monitoring port, which shows no message.
"""

import json
from dataclasses import replace

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core import v1

from infra.data import Data, Login, ValkeyLogin, nats
from infra.data.postgres import ADMIN
from infra.data.store import secret_volume
from infra.image import Images
from infra.lib.checksum import checksum
from infra.observability.stateless import Mounted, Program, deployed, metadata

POSTGRES, VALKEY, NATS = "postgres-exporter", "valkey-exporter", "nats-exporter"
PORTS = {POSTGRES: 9187, VALKEY: 9121, NATS: 7777}
FOLDER, FILE = "/run/secrets/store", "password"
LEFT_OUT = ("replication", "replication_slot", "stat_user_tables", "statio_user_tables")
"""Collectors of PostgreSQL's exporter: nothing is replicated, and the database that it logs in to has no tables."""


def exporters(
    namespace: pulumi.Output[str], data: Data, images: Images, opts: pulumi.ResourceOptions
) -> list[Deployment]:
    """One for each store, after the store that has its login."""
    postgres, valkey, broker = (
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[store]))
        for store in (data.postgres, data.valkey, data.nats)
    )
    login, user = data.postgres.monitor, data.valkey.monitor
    by_user = user.password.apply(lambda password: passwords_file(user, password))
    return [
        _with_password(postgres_exporter(images.reference(POSTGRES), login), namespace, login.password, postgres),
        _with_password(valkey_exporter(images.reference(VALKEY), user), namespace, by_user, valkey),
        deployed(nats_exporter(images.reference(NATS)), namespace, broker),
    ]


def _with_password(
    program: Program, namespace: pulumi.Output[str], content: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> Deployment:
    """The program with the file of its password, which it reads at its start."""
    name = program.name
    secret = v1.Secret(name, metadata=metadata(name, namespace), string_data={FILE: content}, opts=opts)
    reads = pulumi.Output.unsecret(content.apply(checksum))
    whole = replace(program, mounts=[Mounted(secret_volume("password", name), FOLDER)], reads=reads)
    return deployed(whole, namespace, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[secret])))


def postgres_exporter(image: pulumi.Input[str], login: Login) -> Program:
    """It logs in to the administrator's database, where there is nothing but the views of the server.

    Source: https://github.com/prometheus-community/postgres_exporter/blob/v0.17.1/README.md
    """
    return Program(
        POSTGRES,
        image,
        ["--disable-settings-metrics", "--log.format=json", *(f"--no-collector.{name}" for name in LEFT_OUT)],
        {"http": PORTS[POSTGRES]},
        memory_mib=(20, 64),
        environment={
            "DATA_SOURCE_URI": f"{login.host}:{login.port}/{ADMIN}?sslmode=disable&connect_timeout=5",
            "DATA_SOURCE_USER": login.name,
            "DATA_SOURCE_PASS_FILE": f"{FOLDER}/{FILE}",
        },
        ready="/",
    )


def valkey_exporter(image: pulumi.Input[str], login: ValkeyLogin) -> Program:
    """It asks with INFO and LATENCY alone: neither settings nor names of clients nor histograms of each command.

    Source: https://github.com/oliver006/redis_exporter/blob/v1.69.0/README.md
    """
    return Program(
        VALKEY,
        image,
        [
            f"-redis.addr=redis://{login.host}:{login.port}",
            f"-redis.user={login.user}",
            f"-redis.password-file={FOLDER}/{FILE}",
            *("-config-command=-", "-set-client-name=false", "-exclude-latency-histogram-metrics"),
            *("-connection-timeout=5s", "-redis-only-metrics", "-log-format=json"),
        ],
        {"http": PORTS[VALKEY]},
        memory_mib=(16, 64),
        ready="/health",
    )


def passwords_file(login: ValkeyLogin, password: str) -> str:
    """Valkey's exporter finds the password by the address and the user."""
    return json.dumps({f"redis://{login.user}@{login.host}:{login.port}": password})


def nats_exporter(image: pulumi.Input[str]) -> Program:
    """It asks for the server's figures and for those of each stream and consumer."""
    asked = f"http://{nats.NAME}.data:{nats.PORTS['monitoring']}"
    return Program(
        NATS,
        image,
        [f"-port={PORTS[NATS]}", "-varz", "-jsz=all", asked],
        {"http": PORTS[NATS]},
        memory_mib=(16, 64),
    )

"""Airflow's configuration, as environment variables: one set for foreground runs, one for the scheduler."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from recall.domain.home import PROJECT_ROOT, Home
from recall.warehouse import connection
from recall.warehouse.secrets import secret

DAGS_DIR = PROJECT_ROOT / "dags"
AIRFLOW_DATABASE = "airflow"
AIRFLOW_ROLE = "recall_airflow"
ADMIN = "admin"


def foreground_dir(home: Home) -> Path:
    """Returns AIRFLOW_HOME of foreground runs."""
    return home.airflow_dir / "foreground"


def scheduler_dir(home: Home) -> Path:
    """Returns AIRFLOW_HOME of the scheduler."""
    return home.airflow_dir / "scheduler"


def foreground_database(folder: Path) -> Path:
    """Returns the metadata database of the foreground run under way.

    Args:
        folder: What `foreground_dir` gives.
    """
    return folder / "run.db"


def passwords_file(home: Home) -> Path:
    """Returns the file in which Airflow's login looks up the password."""
    return scheduler_dir(home) / "simple_auth_manager_passwords.json.generated"


def foreground_environment(home: Home) -> dict[str, str]:
    """Returns the configuration of a foreground run.

    Args:
        home: The home folder.
    """
    folder = foreground_dir(home)
    return {
        **_common(home),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{foreground_database(folder)}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home.logs_dir / "foreground"),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }


def bundle_of(dag_id: str, file: Path) -> dict[str, str]:
    """Returns the configuration by which one file is all that Airflow finds.

    Args:
        dag_id: The DAG in it.
        file: The file.
    """
    bundle = {
        "name": dag_id,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(file)},
    }
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle])}


def scheduler_environment(home: Home, port: int) -> dict[str, str]:
    """Returns the configuration that Airflow's processes share.

    Args:
        home: The home folder.
        port: Where the API server listens on 127.0.0.1.
    """
    address = f"http://127.0.0.1:{port}"
    return {
        **_common(home),
        "AIRFLOW_HOME": str(scheduler_dir(home)),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_database_url(home),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__FERNET_KEY": _fernet_key(home),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(home)),
        # Without the base URL every task fails in "queued" as soon as the port is not 8080.
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secret(home, "airflow", "secret_key"),
        "AIRFLOW__API_AUTH__JWT_SECRET": hashlib.sha512(secret(home, "airflow", "jwt_secret").encode()).hexdigest(),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home.logs_dir / "airflow" / "tasks"),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        # A file that has changed is read at once; all the others once in so many seconds, and not twice a minute.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        # airflow_local_settings.py lies there: it loads dbt and more once in the scheduler instead of in each task.
        "PYTHONPATH": os.pathsep.join(
            part for part in (str(PROJECT_ROOT / "config"), os.environ.get("PYTHONPATH", "")) if part
        ),
        "NO_COLOR": "1",
    }


def airflow_database_url(home: Home) -> str:
    """Returns SQLAlchemy's address of Airflow's own database, which lies in the warehouse's server.

    Args:
        home: The home folder.
    """
    parts = urlsplit(connection.dsn("owner", home))
    place = parts.netloc.rpartition("@")[2]
    password = quote(secret(home, "passwords", "airflow"), safe="")
    return urlunsplit(
        parts._replace(
            scheme="postgresql+psycopg2",
            netloc=f"{AIRFLOW_ROLE}:{password}@{place}",
            path=f"/{AIRFLOW_DATABASE}",
        )
    )


def apply(values: Mapping[str, str]) -> None:
    """Sets a configuration in this process; do it before the first import of Airflow."""
    os.environ.update(values)


def _common(home: Home) -> dict[str, str]:
    """What both share: where things are, one thread per fit, and nothing that calls home."""
    return {
        "RECALL_HOME": str(home.root),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_DIR),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        # Fits are of four parameters: threads of linear algebra wait for each other longer than they work.
        "OPENBLAS_NUM_THREADS": "1",
    }


def _fernet_key(home: Home) -> str:
    """Makes a Fernet key, which must be 32 bytes in base64, of a stored secret of another length."""
    digest = hashlib.sha256(secret(home, "airflow", "fernet_key").encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()

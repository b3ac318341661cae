"""The place where rounds are fought: one PostgreSQL for all, which may be stopped and started, and the peers."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import psutil
import psycopg
from tests.faults.nemesis.peers import Peers
from tests.support.files import write_files
from tests.support.kept_connection import KeptConnections
from tests.support.sending import make_sending_world
from tests.support.server_folder import make_server_folder
from tests.support.thrown_away import clone_database, drop_database, maintenance, start_thrown_away

from recall.domain.home import Home
from recall.domain.workspace import Workspace, load_workspace
from recall.warehouse import embedded_postgres
from recall.warehouse.connection import Role, dsn
from recall.warehouse.schema import upgrade
from recall.warehouse.secrets import read_secrets, write_secrets

CAMPAIGN = """\
campaign_id: welcome_back
lines: [all]
steps:
  - {step_number: 1, offset_days: 0}
  - {step_number: 2, offset_days: 30}
arms:
  - {arm_code: mail, channel: email, offer_code: content, variant_code: plain, templates: {en: mail.txt}}
  - {arm_code: text, channel: sms, offer_code: content, variant_code: plain, templates: {en: text.txt}}
  - {arm_code: parcel, channel: gift, offer_code: content, variant_code: plain}
  - {arm_code: coupon, channel: welfare, offer_code: content, variant_code: plain, templates: {en: coupon.txt}}
max_lapse_days: 90
"""
CHANNELS = """\
channel,channel_name,delivery_code,contact_code,unit_cost_amount,daily_capacity,may_carry_marketing,default_consent,\
rate_per_second,batch_size,quiet_from,quiet_until,valid_from
sms,Text message,aliyun_sms,phone,0.05,,true,false,,5,20:00,08:00,1970-01-01
email,E-mail,smtp,email,0.001,,true,false,,,,,1970-01-01
gift,Gift by post,file_drop,postal_address,8,,true,false,,,,,1970-01-01
welfare,Coupons,coupon_api,phone,0,,true,false,,,22:00,08:00,1970-01-01
"""
FILES = {
    "definitions/channels.csv": CHANNELS,
    "campaigns/welcome_back.yml": CAMPAIGN,
    "campaigns/mail.txt": "Subject: {{ inactive_days }} days\n\n{{ unsubscribe_url }}#{{ step_number }}\n",
    "campaigns/text.txt": 'Subject: SMS_1\n\n{"link": "{{ unsubscribe_url }}#{{ step_number }}"}\n',
    "campaigns/coupon.txt": "{{ unsubscribe_url }}#{{ step_number }}\n",
}
DATABASE = "nemesis"


@dataclass(frozen=True)
class RoundWarehouse:
    """The warehouse of one round.

    Attributes:
        home: Its home folder.
        kept: Connections that are open and that nobody uses.
    """

    home: Home
    kept: KeptConnections = field(default_factory=KeptConnections, repr=False, compare=False)

    def connect(self, role: Role = "owner", *, autocommit: bool = False) -> psycopg.Connection:
        """Opens a connection as one role; what ends its block goes on with the next one."""
        return self.kept.connect(dsn(role, self.home), autocommit=autocommit)


class Arena:
    """Makes the server, a template of a finished night without people, and the peers; removes all of it."""

    def __init__(self) -> None:
        self.folder = make_server_folder("recall-nemesis-")
        self.home = Home(self.folder / "home")
        self.peers = Peers(self.folder / "partner")
        self.campaign_version = ""

    def __enter__(self) -> Self:
        before = {name: os.environ.get(name) for name in ("RECALL_HOME", "RECALL_WORKSPACE", "RECALL_DATABASE_URL")}
        os.environ.pop("RECALL_DATABASE_URL", None)
        os.environ["RECALL_HOME"] = str(self.home.root)
        self.home.root.mkdir()
        try:
            start_thrown_away(self.home, is_killed=True)
            upgrade(self.home)
            template = RoundWarehouse(self.home)
            world = make_sending_world(template, self._workspace, FILES)
            world.run("insert into pii.contact_keys (key_version, fingerprint) values (1, 'of the nemesis')")
            template.kept.close()
            self.campaign_version = world.campaign_version
            self.peers.__enter__()
        except BaseException:
            self.__exit__()
            raise
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        return self

    def __exit__(self, *_: object) -> None:
        self.peers.__exit__()
        embedded_postgres.stop(self.home)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def warehouse(self) -> Iterator[RoundWarehouse]:
        """A fresh copy of the template."""
        content = read_secrets(self.home)
        clone_database(maintenance(self.home), DATABASE, content["postgres"]["database"])
        home = Home(self.folder / "round")
        write_secrets(home, content | {"postgres": content["postgres"] | {"database": DATABASE}})
        warehouse = RoundWarehouse(home)
        try:
            yield warehouse
        finally:
            warehouse.kept.close()
            drop_database(maintenance(self.home), DATABASE)
            shutil.rmtree(home.root, ignore_errors=True)

    def lose_database(self) -> None:
        """Stops the server at once, as a power cut does to its clients, and starts it again."""
        pid_file = self.home.postgres_dir / "data" / "postmaster.pid"
        process = psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
        # Immediate shutdown: every connection is cut, nothing is written down, the next start recovers.
        process.send_signal(signal.SIGQUIT)
        while embedded_postgres.is_running(self.home):
            time.sleep(0.02)
        embedded_postgres.start(self.home)

    def _workspace(self, files: dict[str, str]) -> Workspace:
        folder = self.folder / "workspace"
        write_files(folder, {"workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\n", **files})
        os.environ["RECALL_WORKSPACE"] = str(folder)
        return load_workspace(folder)

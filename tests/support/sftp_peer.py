"""A small SFTP server on paramiko, for machines without OpenSSH's: the protocol is real, the server is not."""

from __future__ import annotations

import os
import socket
import threading
from functools import cache
from pathlib import Path
from typing import Any

import paramiko


@cache
def rsa_key(whose: str) -> paramiko.RSAKey:
    """Returns the key of a server or user, one for the whole run: to draw one takes a quarter of a second."""
    return paramiko.RSAKey.generate(2048)


class _Door(paramiko.ServerInterface):
    def __init__(self, password: str) -> None:
        self.password = password

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if password == self.password else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    peer: SftpPeer

    def write(self, offset: int, data: bytes) -> int:
        if self.peer.cuts_while_writing:
            super().write(offset, data[: len(data) // 2])
            self.peer.cut()
            return paramiko.SFTP_FAILURE
        return super().write(offset, data)

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.writefile.fileno()))  # type: ignore[attr-defined]


class _Files(paramiko.SFTPServerInterface):
    """Serves the server's folder, and cuts the connection when it has taken so many bytes."""

    def __init__(self, server: Any, *, root: Path, peer: SftpPeer, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self.root = root
        self.peer = peer

    def _path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def mkdir(self, path: str, attr: Any) -> int:
        self._path(path).mkdir()
        return paramiko.SFTP_OK

    def open(self, path: str, flags: int, attr: Any) -> Any:
        handle = _Handle(flags)
        handle.peer = self.peer
        handle.filename = str(self._path(path))  # type: ignore[attr-defined]
        if flags & (os.O_WRONLY | os.O_RDWR):
            handle.writefile = self._path(path).open("wb")  # type: ignore[attr-defined]
        else:
            handle.readfile = handle.writefile = self._path(path).open("rb")  # type: ignore[attr-defined]
        return handle

    def list_folder(self, path: str) -> Any:
        if not self._path(path).is_dir():
            return paramiko.SFTP_NO_SUCH_FILE
        found = []
        for child in self._path(path).iterdir():
            attributes = paramiko.SFTPAttributes.from_stat(child.stat())
            attributes.filename = child.name
            found.append(attributes)
        return found

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        if self.peer.cuts_before_rename:
            self.peer.cut()
            return paramiko.SFTP_FAILURE
        self._path(oldpath).replace(self._path(newpath))
        if self.peer.cuts_after_rename:
            self.peer.cut()
        return paramiko.SFTP_OK


class SftpPeer:
    """Runs the server in threads on a free port.

    Args:
        root: Folder that the server shows as its own root.
    """

    password = "let me in"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cuts_before_rename = False
        self.cuts_after_rename = False
        self.cuts_while_writing = False
        self.key = rsa_key("the peer's")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def environment(self, prefix: str = "RECALL_FILE_DROP", **more: str) -> dict[str, str]:
        """Settings of a channel that delivers here."""
        port = self._listener.getsockname()[1]
        return {
            f"{prefix}_URL": f"sftp://shop:let%20me%20in@127.0.0.1:{port}/drop",
            f"{prefix}_HOST_KEY": f"ssh-rsa {self.key.get_base64()}",
        } | more

    def cut(self) -> None:
        """Cuts every connection."""
        for transport in self._transports:
            transport.sock.close()

    def __enter__(self) -> SftpPeer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            self._transports.append(transport)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, root=self.root, peer=self)
            transport.start_server(server=_Door(self.password), event=threading.Event())

"""A TCP proxy between the worker and Redis, for what a network and a sick server do: delay, cut,
corrupt, swallow, answer in Redis's stead. It tells the two connections of a lane apart."""

import contextlib
import random
import socket
import threading
import time

CHUNK = 65536


class Wire:
    """One connection through the proxy."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.is_news = False  # the one that hears of changes
        self.asked = b""  # what the client has sent, its end
        self.is_open = True
        for pump in (self._up, self._down):
            threading.Thread(target=pump, daemon=True).start()

    def _up(self):
        while data := self._receive(self.client):
            self.asked = (self.asked + data)[-CHUNK:]
            self.is_news = self.is_news or b"SUBSCRIBE" in data
            self.proxy.wait_if_held(self, data)
            answer = self.proxy.answer
            if answer is not None:
                # A command is an array: it begins with a star at a line's start.
                count = data.count(b"\r\n*") + data.startswith(b"*")
                self._send(self.client, answer * count)
            elif not self.proxy.swallows(self):
                self._send(self.server, data)
        self.close()

    def _down(self):
        while data := self._receive(self.server):
            time.sleep(self.proxy.delay_s)
            self.proxy.wait_while_replies_are_held(self)
            if self.proxy.swallows(self):
                continue
            self._send(self.client, self.proxy.garbled(data))
            if self.proxy.dice.random() < self.proxy.cut_chance:
                break
        self.close()

    def _receive(self, end):
        try:
            return end.recv(CHUNK)
        except OSError:
            return b""

    def _send(self, end, data):
        with contextlib.suppress(OSError):
            end.sendall(data)

    def close(self):
        self.is_open = False
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """`heal()` ends every trouble but the connections that are lost already."""

    def __init__(self, port, seed=1):
        self.target = ("127.0.0.1", port)
        self.dice = random.Random(seed)
        self.wires = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.lock = threading.Condition()
        self.hold_at = None
        self.is_holding = False
        self.heal()
        threading.Thread(target=self._accept, daemon=True).start()

    def heal(self):
        with self.lock:
            self.delay_s = 0.0
            self.cut_chance = 0.0
            self.garble_chance = 0.0
            self.answer = None
            self.swallowed = None
            self.holds_replies = False
            self.hold_at = None
            self.lock.notify_all()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.wires = [wire for wire in self.wires if wire.is_open]
            self.wires.append(Wire(self, client, server))

    # ------------------------------------------------------------ troubles

    def slow(self, seconds):
        self.delay_s = seconds

    def cut(self):
        """Closes every connection now."""
        for wire in self.wires:
            wire.close()

    def cut_often(self, chance):
        self.cut_chance = chance

    def garble(self, chance=1.0):
        """Bytes of replies are exchanged for others."""
        self.garble_chance = chance

    def answer_all(self, line):
        """Each command gets this answer, and Redis none of them."""
        self.answer = line

    def swallow(self, which):
        """Connections stay open, but nothing passes; `which` of them: a function of the wire."""
        self.swallowed = which

    def hold(self, words):
        """The first command with these words in it, and what follows, does not reach Redis."""
        self.hold_at = words

    def hold_replies(self):
        """Values' replies are kept back until heal(); news pass."""
        self.holds_replies = True

    # ------------------------------------------------------------ for the wires

    def swallows(self, wire):
        return self.swallowed is not None and self.swallowed(wire)

    def garbled(self, data):
        if self.dice.random() >= self.garble_chance:
            return data
        spoilt = bytearray(data)
        for _ in range(1 + len(data) // 8):
            spoilt[self.dice.randrange(len(spoilt))] = self.dice.randrange(256)
        return bytes(spoilt)

    def wait_if_held(self, wire, data):
        with self.lock:
            if self.hold_at is not None and self.hold_at in data:
                self.is_holding = True
                while self.hold_at is not None and wire.is_open:
                    self.lock.wait(0.1)
                self.is_holding = False

    def wait_while_replies_are_held(self, wire):
        with self.lock:
            while self.holds_replies and not wire.is_news and wire.is_open:
                self.lock.wait(0.1)

    def close(self):
        self.heal()
        self.listener.close()
        self.cut()

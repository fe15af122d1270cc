#!/usr/bin/env python3
"""SIGTERM under load, ten times: no answer is cut off, subscribers get `bye`, exit code 0 within 2 s.

wrk asks over 16 connections, strict clients compare `Content-Length` with the bytes, 20 subscribers listen. (What a
handler's panic costs is in tests/siege.rs: the release binary has no handler that could be made to panic.)
"""

import re
import signal
import subprocess
import threading
import time

from lib import FAST, Tally, Workshop, arguments, finish, wait_for
from wire import Broken, Listeners, Stream, Wire

LARGE = ("/decisions?time_range=7d", "/monthly-summary", "/current-state", "/api/v1/state", "/", "/logs?lines=1000")
SUBSCRIBERS, CLIENTS, SLOW = 20, 6, 4


class Strict(threading.Thread):
    """Asks again and again until the server is gone; `.cut` are answers that were not whole. A slow one reads the
    largest answer in small pieces.
    """

    def __init__(self, address, shift, slow=False):
        super().__init__(daemon=True)
        self.address, self.shift, self.slow = address, shift, slow
        self.count, self.cut, self.stopping = 0, [], threading.Event()

    def run(self):
        index = self.shift
        while not self.stopping.is_set():
            try:
                with Wire(self.address, 5, 8192 if self.slow else None) as wire:
                    while not self.stopping.is_set():
                        path = LARGE[0] if self.slow else LARGE[index % len(LARGE)]
                        index += 1
                        wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                        if self.slow:
                            time.sleep(0.02)
                        answer = wire.answer()
                        if answer is None:
                            break
                        self.count += 1
                        if answer.status != 200:
                            self.cut.append(f"{path}: {answer.status}")
            except Broken as error:
                self.cut.append(repr(error))
            except TimeoutError:
                self.cut.append("nothing for 5 s")
            except ConnectionRefusedError:
                return
            except OSError as error:  # before the first byte of an answer, or within one?
                if wire.rest:
                    self.cut.append(f"within an answer: {error!r}")


def stop_once(tally, shop, root, number):
    """One start, one load, one stop."""
    server, check = shop.serve(root), lambda good, name, detail="": tally.check(good, f"stop {number}: {name}", detail)
    if not check(server.loaded(60), "loaded"):
        return
    listeners = Listeners()
    streams = [listeners.add(Stream(server.address)) for _ in range(SUBSCRIBERS)]
    clients = [Strict(server.address, index) for index in range(CLIENTS)]
    clients += [Strict(server.address, 0, slow=True) for _ in range(SLOW)]
    for client in clients:
        client.start()
    wrk = subprocess.Popen(
        ["wrk", "-t1", "-c16", "-d20s", f"{server.base}/current-state"], stdout=subprocess.PIPE, text=True
    )
    time.sleep(1.0 + 0.07 * number)
    code, took = server.end(seconds=5)
    time.sleep(0.3)
    wrk.send_signal(signal.SIGINT)  # it says what it saw, and ends
    told = wrk.communicate(timeout=20)[0]
    for client in clients:
        client.stopping.set()
        client.join(6)
    ended = wait_for(lambda: all(stream.ended for stream in streams), 2)
    listeners.stop()
    errors = dict(re.findall(r"(connect|read|write|timeout) (\d+)", "".join(re.findall(r"Socket errors.*", told))))
    asked = re.search(r"(\d+) requests in", told)
    answered = sum(client.count for client in clients)
    print(
        f"stop {number}: code {code} after {took * 1000:.0f} ms; wrk {asked.group(1) if asked else '?'} requests, "
        f"errors {errors}; {answered} strict answers"
    )
    check(code == 0 and took < 2, "code 0 within 2 s", f"code {code} after {took:.2f} s")
    cut = [words for client in clients for words in client.cut]
    check(not cut and answered > 50, "no answer was cut off", f"{answered} answers, {cut[:4]}")
    check(asked and int(asked.group(1)) > 1000, "there was load", told[-200:])
    kinds = {kind for kind, count in errors.items() if int(count)}
    # A refused connection is a write error to wrk, which connects without waiting: it has thousands after the stop.
    check("timeout" not in kinds and int(errors.get("read", 0)) <= 16, "wrk waits for nothing", str(errors))
    check("Non-2xx" not in told, "no error answered", "".join(re.findall(r"Non-2xx.*", told)))
    ends = {(stream.events[-1].name if stream.events else None, stream.ended) for stream in streams}
    check(ended and ends == {("bye", "closed")}, "each subscriber gets bye, then the end", str(ends))
    check("panicked" not in server.log_text(), "no panic in the log")


def main():
    given = arguments(__doc__.split("\n\n")[0], times=(10, "stops"), days=(30, "days of the site"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url, intervals=FAST)
        shop.writer(root, "--interval-ms", "200", "--decision-s", "3")
        for number in range(given.times):
            stop_once(tally, shop, root, number)
    finish(tally)


if __name__ == "__main__":
    main()

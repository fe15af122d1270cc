#!/usr/bin/env python3
"""Prepared answers, asked by a strict client: tags, packing, `Vary`, 304, HEAD, and the page's parts.

Every prepared path has a tag for each encoding, the packed bytes are the plain ones, a 304 has no body and keeps the
tag, HEAD is GET's head, and q-values decide as RFC 9110 says. What tells ages has neither tag nor packing.
"""

import gzip
import re
import time
from urllib.parse import urljoin

from lib import Tally, Workshop, arguments, finish, wait_for
from wire import Broken, Wire, once

PREPARED = (
    "/decisions",
    "/decisions?time_range=24h",
    "/decisions?time_range=7d",
    "/decisions?time_range=1h",
    "/decisions?time_range=1m",
    "/historical-data",
    "/metrics",
    "/monthly-summary",
    "/monthly-comparison",
    "/prices",
    "/api/v1/prices",
    "/prices.ics",
)
AGES = ("/status", "/health", "/current-state", "/api/v1/state", "/api/v1/about", "/", "/lite")
SMALL = 1024  # below that, packing may not be worth it
# Accept-Encoding, and whether a large answer comes packed: True, False, or None where both are right.
CHOICES = (
    (None, False),
    ("gzip", True),
    ("GZIP", True),
    ("x-gzip", None),
    ("gzip, deflate, br, zstd", True),
    ("br, deflate", False),
    ("identity", False),
    ("", False),
    ("*", None),
    ("gzip;q=1", True),
    ("gzip;q=1.000", True),
    ("gzip;q=0.001", None),
    ("gzip;q=0", False),
    ("gzip;q=0.0", False),
    ("gzip;q=0.000", False),
    ("gzip ; q=0", False),
    ("gzip;q=0, *", False),
    ("*;q=0", False),
    ("*;q=0, gzip", True),
    ("identity;q=0, gzip", True),
    ("identity, gzip;q=0", False),
    ("identity;q=1, gzip;q=0.5", False),
    ("identity;q=0.5, gzip;q=1", True),
    ("deflate;q=1, gzip;q=0.8, identity;q=0.2", True),
    ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
    ("gzipped", False),
    ("xgzip, notgzip", False),
    ("gzip;q=nonsense", None),
    (",,gzip,,", True),
    ("\tgzip", True),
)
STRICT = re.compile(r'"[\x21\x23-\x7e]*"')
HASHED = re.compile(r"/assets/([0-9a-f]{16})/[^\"]+")
ASSET = re.compile(r"(?:src|href)=\"(/assets/[^\"]+)\"")
IMPORT = re.compile(r"\bimport\s*(?:[^;\"'()]*?\bfrom)?\s*[\"'](\.{0,2}/[^\"'\n]+)[\"']")
VIEWS = ("prices", "energy", "history", "decisions", "logs", "system")  # the shell asks for them by these names
KINDS = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "json": "application/manifest+json",
}


def steady(ask):
    """The answers of `ask` to a plain and a packed request of the same publication: tried until one tag frames both."""
    for _ in range(8):
        before, packed, after = ask(()), ask(("Accept-Encoding: gzip",)), ask(())
        if before.get("etag") == after.get("etag") and before.body == after.body:
            return before, packed
        time.sleep(0.2)
    raise Broken("it changes with every request")


def differing(first, second, but=("date",)):
    """Headers that differ, `Date` aside."""
    return [pair for pair in zip(first.headers, second.headers) if pair[0] != pair[1] and pair[0][0] not in but] or (
        [f"{len(first.headers)} and {len(second.headers)} headers"] if len(first.headers) != len(second.headers) else []
    )


def prepared(tally, address, path, immutable=False):
    """All rules for one path."""
    plain, packed = steady(lambda headers: once(address, path, headers))
    tag, check = plain.get("etag"), lambda good, name, detail="": tally.check(good, f"{path}: {name}", detail)
    check(plain.status == 200 and bool(plain.body), "200 with a body", str(plain.status))
    if not check(tag is not None and STRICT.fullmatch(tag), "a strong tag", str(tag)):
        return
    wanted = "no-cache"
    cached = plain.get("cache-control") or ""
    if immutable:
        good = "immutable" in cached and int((re.search(r"max-age=(\d+)", cached) or [0, "0"])[1]) >= 31_536_000
        check(good, "kept for a year, immutable", cached)
    else:
        check(cached == wanted, "Cache-Control: no-cache", cached)
    check("accept-encoding" in ", ".join(plain.all("vary")).lower(), "Vary names Accept-Encoding", str(plain.all("vary")))
    check(plain.get("content-encoding") is None, "not packed unless asked", str(plain.get("content-encoding")))
    compressed = packed.get("content-encoding") == "gzip"
    if len(plain.body) >= SMALL:
        check(compressed, f"{len(plain.body)} bytes are packed on request", str(packed.headers))
    tags = [tag]
    if compressed:
        try:
            same = gzip.decompress(packed.body) == plain.body
        except (OSError, EOFError) as error:
            same = repr(error)
        check(same is True, "unpacked, the bytes are the same", str(same))
        check(len(packed.body) < len(plain.body), "packed is smaller", f"{len(packed.body)} of {len(plain.body)}")
        check(packed.get("etag") not in (None, tag), "another tag when packed", str(packed.get("etag")))
        check(packed.all("vary") == plain.all("vary"), "the same Vary when packed", str(packed.all("vary")))
        tags.append(packed.get("etag"))
    for kind, get, accept in (("plain", plain, ()), ("packed", packed, ("Accept-Encoding: gzip",))):
        head = once(address, path, accept, "HEAD")
        check(not differing(get, head), f"HEAD is GET's head, {kind}", str(differing(get, head)))
        with Wire(address) as wire:
            second = wire.ask(path, accept, "HEAD") and wire.ask("/nonesuch-after-head")
            check(b"nonesuch-after-head" in second.body, f"nothing follows a HEAD, {kind}", str(second)[:200])
        not_modified(check, address, path, accept, get, tags)


def not_modified(check, address, path, accept, get, tags):
    """`If-None-Match` in all its forms."""
    tag = get.get("etag")
    known = (tag, f"W/{tag}", f'"other", {tag}', f'W/"other",W/{tag} , "third"', "*", f"  {tag}  ")
    unknown = ('"other"', tag.strip('"'), f'"x{tag[1:]}', '""', "", tag[:-1])
    wrong = []
    for value in known + unknown:
        with Wire(address) as wire:
            answer = wire.ask(path, [*accept, f"If-None-Match: {value}"])
            wanted = 304 if value in known else 200
            if answer.status != wanted and answer.get("etag") == tag:
                wrong.append(f"{value}: {answer.status}")
            if answer.status == 304:
                lacking = [
                    name
                    for name in ("etag", "vary", "cache-control", "date")
                    if answer.all(name) != get.all(name) and name != "date" or not answer.all(name)
                ]
                after = wire.ask("/nonesuch-after-304")
                if lacking or answer.get("content-encoding") or b"nonesuch-after-304" not in after.body:
                    wrong.append(f"{value}: {answer.headers} {after}"[:300])
                told = answer.get("content-length")
                if told not in (None, str(len(get.body))):
                    wrong.append(f"{value}: a 304 with Content-Length {told}")
            elif answer.status == 200 and answer.get("etag") == tag and answer.body != get.body:
                wrong.append(f"{value}: another body under the same tag")
    check(not wrong, f"304 where a tag fits, {'packed' if accept else 'plain'}", str(wrong[:3]))
    for other in set(tags) - {tag}:
        answer = once(address, path, [*accept, f"If-None-Match: {other}"])
        check(
            answer.status == 200 or answer.get("etag") != tag,
            "the other encoding's tag is another answer's",
            str(answer.headers),
        )
    head = once(address, path, [*accept, f"If-None-Match: {tag}"], "HEAD")
    if head.get("etag") == tag:
        check(head.status == 304, "a HEAD may be a 304", str(head.status))


def choices(tally, address, path):
    """The table of q-values."""
    wrong, seen = [], set()
    for value, wanted in CHOICES:
        answer = once(address, path, () if value is None else [f"Accept-Encoding: {value}"])
        is_packed = answer.get("content-encoding") == "gzip"
        seen.add(is_packed)
        if answer.status != 200 or (wanted is not None and is_packed != wanted):
            wrong.append(f"{value!r}: {'packed' if is_packed else 'plain'}, {answer.status}")
    print(f"{path}: {len(CHOICES)} forms of Accept-Encoding, {len(wrong)} wrong")
    tally.check(not wrong and len(seen) == 2, f"{path}: Accept-Encoding decides", "; ".join(wrong))


def lists(tally, address, path):
    """Several lines of one header are one list (RFC 9110, 5.3)."""
    packed = once(address, path, ("Accept-Encoding: br", "Accept-Encoding: gzip")).get("content-encoding")
    tally.check(packed == "gzip", f"{path}: two Accept-Encoding lines are one list", str(packed))
    tag = once(address, path).get("etag")
    status = once(address, path, ('If-None-Match: "other"', f"If-None-Match: {tag}")).status
    tally.check(status == 304, f"{path}: two If-None-Match lines are one list", str(status))


def steady_tags(tally, address):
    """While nothing is published, nothing gets a new tag: else no 304 would ever come."""
    first = {path: once(address, path).get("etag") for path in PREPARED}
    time.sleep(2)
    changed = [path for path, tag in first.items() if once(address, path).get("etag") != tag]
    if changed:  # that may have been a publication, but not twice
        first = {path: once(address, path).get("etag") for path in changed}
        time.sleep(2)
        changed = [path for path, tag in first.items() if once(address, path).get("etag") != tag]
    tally.check(not changed, "tags stay while nothing is published", f"new ones within 2 s, twice: {changed}")


def aging(tally, address, path):
    """What tells ages is composed: no tag, never packed, never a 304."""
    plain = once(address, path)
    packed = once(address, path, ("Accept-Encoding: gzip", "If-None-Match: *"))
    tags = [answer.get("etag") for answer in (plain, packed)] + [
        answer.get("last-modified") for answer in (plain, packed)
    ]
    tally.check(tags == [None] * 4, f"{path}: no tag", str(tags))
    tally.check(
        (plain.status, packed.status, packed.get("content-encoding")) == (200, 200, None),
        f"{path}: never packed, never 304",
        f"{plain.status} {packed.status} {packed.get('content-encoding')}",
    )
    head = once(address, path, (), "HEAD")
    wrong = differing(plain, head, ("date", "content-length"))  # an age may have got longer
    tally.check(not wrong, f"{path}: HEAD is GET's head", str(wrong))


def page(tally, address):
    """The page itself, and its parts, which lie below the hash of all of them; answers the path of one."""
    answer = once(address, "/")
    kept = (answer.get("cache-control"), answer.get("vary"), answer.get("content-type"))
    tally.check(
        kept == ("no-cache", "Accept-Language, Cookie", "text/html; charset=utf-8"), "/: how it is kept", str(kept)
    )
    polish = once(address, "/", ("Accept-Language: pl",)).body
    chosen = once(address, "/", ("Accept-Language: pl", "Cookie: language=en; theme=dark")).body
    tally.check(
        b'<html lang="pl" data-theme="auto">' in polish and b'<html lang="en" data-theme="dark">' in chosen,
        "/: the reader's language and theme",
        f"{polish[:60]} {chosen[:60]}",
    )
    text = answer.body.decode()
    assets = ASSET.findall(text)
    hashes = {found.group(1) if (found := HASHED.fullmatch(name)) else name for name in assets}
    tally.check(len(assets) >= 3 and len(hashes) == 1, "the page refers to parts below one hash", str(assets))
    others = [
        url for url in re.findall(r"(?:src|href)=\"([^\"#]+)\"", text) if not url.startswith("/") or url[:2] == "//"
    ]
    tally.check(not others, "the page refers to nothing elsewhere", str(others))
    shell = next(name for name in assets if name.endswith("/shell.js"))
    found, seen = list(dict.fromkeys(assets + [urljoin(shell, f"{view}.js") for view in VIEWS])), set()
    while found:
        name = found.pop(0)
        if name in seen:
            continue
        seen.add(name)
        prepared(tally, address, name, immutable=True)
        answer = once(address, name)
        kind, suffix = answer.get("content-type") or "", name.rsplit(".", 1)[1]
        tally.check(KINDS.get(suffix) == kind, f"{name}: its type", kind)
        if suffix == "js":
            inner = [urljoin(name, part) for part in IMPORT.findall(answer.body.decode())]
            found += inner
            plain = [part for part in inner if HASHED.fullmatch(part) is None or HASHED.match(part)[1] not in hashes]
            tally.check(not plain, f"{name}: imports from below the same hash only", str(plain))
    print(f"{len(seen)} parts: {', '.join(sorted(seen))}")
    for name in sorted(seen)[:2]:
        stale = HASHED.sub(lambda found: found[0].replace(found[1], "0" * 16), name)
        answer = once(address, stale)
        cached = answer.get("cache-control") or ""
        tally.check(
            "immutable" not in cached and answer.status == 404,
            f"{stale}: nothing is below a hash that is not its own",
            f"{answer.status} {cached}",
        )
    return shell


def tags_follow_bodies(tally, address, seconds):
    """While prepared answers change, a tag stands for one body alone."""
    bodies, wrong, deadline = {}, [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        for path in PREPARED:
            for accept in ((), ("Accept-Encoding: gzip",)):
                answer = once(address, path, accept)
                if bodies.setdefault((path, answer.get("etag")), answer.body) != answer.body:
                    wrong.append(path)
        time.sleep(0.5)
    count = {path: len({tag for name, tag in bodies if name == path and "-gz" not in tag}) for path in PREPARED}
    changed = {path for path, number in count.items() if number > 1}
    print(f"tags seen in {seconds:.0f} s of writing: {count}")
    tally.check(not wrong, "a tag stands for one body alone", str(wrong[:5]))
    tally.check({"/decisions", "/metrics"} <= changed, "new decisions give new tags", f"changed: {sorted(changed)}")


def main():
    given = arguments(
        __doc__.split("\n\n")[0], days=(10, "days of the site"), seconds=(40.0, "how long the tags are watched")
    )
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url, intervals={"metrics_refresh_interval_seconds": 30})
        server = shop.serve(root)
        tally.check(server.loaded(60), "loaded")
        tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
        for path in PREPARED:
            prepared(tally, server.address, path)
        part = page(tally, server.address)
        for path in ("/decisions?time_range=7d", part, "/api/v1/prices"):
            choices(tally, server.address, path)
        lists(tally, server.address, "/api/v1/prices")
        steady_tags(tally, server.address)
        for path in AGES:
            aging(tally, server.address, path)
        shop.writer(root, "--decision-s", "5", "--energy-s", "15")
        tags_follow_bodies(tally, server.address, given.seconds)
        code, took = server.end()
        tally.check(code == 0 and took < 2, "stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
    finish(tally)


if __name__ == "__main__":
    main()

"""Who comes, from where, under which name, with which token, for which page; and configs that must not start: the
tables of 04_8_access. A right status may be several of which any will do.
"""

import base64

SECRET = "correct-horse-battery-staple-42"
NEIGHBOUR = "127.0.0.2"
SAFE = ("content-security-policy", "x-content-type-options", "referrer-policy")
BASIC = base64.b64encode(f"anyone:{SECRET}".encode()).decode()
HOME = {"trusted_proxies": "[127.0.0.1]"}
GUARDED = {**HOME, "auth": "{token_file: config/wattboard.token}"}
TAILSCALE = {**HOME, "allowed_networks": "[192.168.0.0/16, 100.64.0.0/10]"}
NAMED = {**HOME, "allowed_hosts": '["house.example", ".tail1234.ts.net"]'}
PAGES = {**HOME, "cors_enabled": "true", "cors_origins": '["https://panel.example"]'}
FRAMED = {"frame_ancestors": '["https://ha.local:8123"]'}


def forwarded(*values):
    return [f"X-Forwarded-For: {value}" for value in values]


# For whom the proxy asks, and the status; 100.64.0.0/10 is let in where the config says so.
PEERS = (
    ((), 200),
    (("127.0.0.1",), 200),
    (("10.1.2.3",), 200),
    (("172.16.0.1",), 200),
    (("172.31.255.254",), 200),
    (("172.32.0.1",), 403),
    (("192.168.1.7",), 200),
    (("192.169.0.1",), 403),
    (("169.254.9.9",), 200),
    (("100.101.102.103",), 403),
    (("203.0.113.9",), 403),
    (("8.8.8.8",), 403),
    (("0.0.0.0",), 403),
    (("255.255.255.255",), 403),
    (("::1",), 200),
    (("fd00::7",), 200),
    (("fe80::7",), 200),
    (("2001:db8::7",), 403),
    (("::ffff:192.168.1.7",), 200),
    (("::ffff:203.0.113.9",), 403),
    (("203.0.113.9, 192.168.1.7",), 200),
    (("192.168.1.7, 203.0.113.9",), 403),
    (("192.168.1.7", "203.0.113.9"), 403),
    (("203.0.113.9", "192.168.1.7"), 200),
    (("203.0.113.9, 127.0.0.1",), 403),
    (("nonsense",), 400),
    (("192.168.1.7, nonsense",), 400),
    (("",), (200, 400)),
    (("192.168.1.7:5000",), (200, 400)),
    (("1.2.3",), 400),
)
TAILNET = ((("100.101.102.103",), 200), (("100.63.0.1",), 403), (("192.168.1.7",), 200), (("10.1.2.3",), 403))
# A Host, and whether it is this server's where `allowed_hosts` names two more.
HOSTS = (
    ("127.0.0.1", 200),
    ("127.0.0.1:8080", 200),
    ("192.168.1.5:8080", 200),
    ("203.0.113.9", 200),
    ("[::1]:8080", 200),
    ("[fd00::1]", 200),
    ("localhost", 200),
    ("LOCALHOST:1", 200),
    ("pi", 200),
    ("pi.local", 200),
    ("Pi.Local.", 200),
    ("pi.lan", 200),
    ("pi.home.arpa", 200),
    ("house.example", 200),
    ("house.example:443", 200),
    ("HOUSE.example.", 200),
    ("pi.tail1234.ts.net", 200),
    ("a.b.tail1234.ts.net", 200),
    ("tail1234.ts.net.evil.example", 403),
    ("xtail1234.ts.net", 403),
    ("nothouse.example", 403),
    ("sub.house.example", 403),
    ("evil.example", 403),
    ("127.0.0.1.evil.example", 403),
    ("pi.local.evil.example", 403),
    ("localhost.evil.example", 403),
    ("evil.example:8080", 403),
    ("", (400, 403)),
    ("house.example, evil.example", (400, 403)),
    ("house.example:port", (400, 403)),
    ("[::1", (400, 403)),
)
TOKENS = (
    ((), 401),
    ((f"Authorization: Bearer {SECRET}",), 200),
    ((f"authorization: bearer {SECRET}",), 200),
    ((f"Authorization: Basic {BASIC}",), 200),
    ((f"Authorization: Bearer {SECRET}x",), 401),
    ((f"Authorization: Bearer {SECRET[:-1]}",), 401),
    (("Authorization: Bearer",), 401),
    ((f"Authorization: {SECRET}",), 401),
    (("Authorization: Basic !!!",), 401),
    ((f"Authorization: Basic {base64.b64encode(SECRET.encode()).decode()}",), 401),
    ((f"Authorization: Digest username={SECRET}",), 401),
    ((f"X-Token: {SECRET}",), 401),
    ((f"Cookie: token={SECRET}",), 401),
)
ORIGINS = (
    ("http://192.168.1.9:8123", True),
    ("http://10.0.0.2", True),
    ("http://pi.local:8123", True),
    ("http://ha.lan", True),
    ("https://panel.example", True),
    ("http://panel.example", False),
    ("https://panel.example:444", False),
    ("https://panel.example.evil.example", False),
    ("https://evil.example", False),
    ("http://203.0.113.9", False),
    ("http://192.168.1.9.evil.example", False),
    ("null", False),
    ("", False),
    ("nonsense", False),
)
# What the config says, and the key that the message must name.
NOT_STARTING = (
    ({"allowed_networks": "[192.168.0.0/33]"}, "web_server.allowed_networks"),
    ({"allowed_networks": "[home]"}, "web_server.allowed_networks"),
    ({"allowed_networks": "192.168.0.0/16/3"}, "web_server.allowed_networks"),
    ({"trusted_proxies": "[127.0.0.256]"}, "web_server.trusted_proxies"),
    ({"trusted_proxies": '["fd00::/129"]'}, "web_server.trusted_proxies"),
    ({"allowed_hosts": '["http://house.example"]'}, "web_server.allowed_hosts"),
    ({"frame_ancestors": '["https://ha.local; script-src *"]'}, "web_server.frame_ancestors"),
    ({"auth": "{token_file: config/nonesuch.token}"}, "web_server.auth.token_file"),
    ({"auth": "{token_file: config/short.token}"}, "web_server.auth.token_file"),
    ({"auth": "{token_file: config/empty.token}"}, "web_server.auth.token_file"),
    ({"auth": "{token_file: config}"}, "web_server.auth.token_file"),
    ({"auth": "{}"}, "web_server.auth"),
    ({"auth": "true"}, "web_server.auth"),
    ({"limits": "{connections: 7}"}, "web_server.limits.connections"),
    ({"limits": "{connections: 5000}"}, "web_server.limits.connections"),
    ({"limits": "{per_address: 0}"}, "web_server.limits.per_address"),
    ({"limits": "{head_bytes: 100}"}, "web_server.limits.head_bytes"),
    ({"limits": "{headers: many}"}, "web_server.limits.headers"),
    ({"limits": "{event_streams: 0}"}, "web_server.limits.event_streams"),
)

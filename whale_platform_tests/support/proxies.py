"""The environment of somebody behind a proxy who has set no exceptions: here nothing listens where it points to."""

_NAMES = ("http_proxy", "https_proxy", "all_proxy")
_NO_EXCEPTIONS = {"no_proxy": "", "NO_PROXY": ""}
PROXIES = {**dict.fromkeys(_NAMES, "http://127.0.0.1:9"), **_NO_EXCEPTIONS}
UPPER_CASE_PROXIES = {**dict.fromkeys(map(str.upper, _NAMES), "http://127.0.0.1:9"), **_NO_EXCEPTIONS}

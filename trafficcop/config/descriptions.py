"""What the static options are for, in a few words each, for `--help`."""

from __future__ import annotations

import re

# By the end of the name, the longest that fits: what several sections have in common is said once.
_ENDINGS: dict[str, str] = {
    "configFile": "the static configuration file; flags and variables are ignored then",
    "workers": "worker processes; 0 runs everything in one process; default: the CPUs this process may use",
    "accessLog": "write a line for every request",
    "accessLog.bufferingSize": "lines kept before they are written; 0 writes each at once",
    "accessLog.fields.defaultMode": "keep or drop fields",
    "accessLog.fields.names.<name>": "keep, drop or redact this field",
    "accessLog.fields.headers.defaultMode": "keep, drop or redact headers",
    "accessLog.fields.headers.names.<name>": "keep, drop or redact this header",
    "accessLog.filters.clientIPs": "log these clients: addresses and networks, !x leaves one out",
    "accessLog.filters.entryPoints": "log these entry points, !x leaves one out",
    "accessLog.filters.methods": "log these methods, !x leaves one out",
    "accessLog.filters.paths": "log these paths, !x leaves one out",
    "accessLog.filters.routers": "log these routers, !x leaves one out",
    "accessLog.filters.minDuration": "log requests that took longer",
    "accessLog.filters.retryAttempts": "log requests that were retried",
    "accessLog.filters.statusCodes": "log these statuses: 404, 500-599",
    "accessLog.format": "common, genericCLF or json",
    "addInternals": "include ping, API and other internal services",
    "address": "address to use",
    "entryPoints.<name>": "a place to listen",
    "entryPoints.<name>.address": "[host]:port[/tcp|/udp]",
    "entryPoints.<name>.asDefault": "routers without entry points use this one",
    "entryPoints.<name>.allowACMEByPass": "routers may answer ACME challenges themselves",
    "entryPoints.<name>.reusePort": "set SO_REUSEPORT",
    "forwardedHeaders.connection": "headers that a Connection header may not remove",
    "forwardedHeaders.insecure": "trust the X-Forwarded headers of everybody",
    "forwardedHeaders.trustedIPs": "trust the X-Forwarded headers of these networks",
    "notAppendXForwardedFor": "leave X-Forwarded-For as it came",
    "http.encodeQuerySemicolons": "pass ; in a query on as %3B",
    "http.maxHeaderBytes": "largest request head in bytes",
    "http.middlewares": "middlewares of every router of this entry point",
    "http.sanitizePath": "resolve dot segments and doubled slashes of the path",
    "http.underscoreHeadersStrategy": "keep, delete or reject headers with an underscore",
    "http.tls": "TLS for every router of this entry point",
    "redirections.entryPoint.to": "entry point or :port to redirect to",
    "redirections.entryPoint.scheme": "scheme to redirect to",
    "redirections.entryPoint.permanent": "redirect for good",
    "redirections.entryPoint.priority": "priority of the redirecting router",
    "http3": "serve HTTP/3",
    "http3.advertisedPort": "port told to clients; 0 is the port of the entry point",
    "proxyProtocol": "read PROXY protocol headers",
    "proxyProtocol.insecure": "trust the PROXY header of everybody",
    "proxyProtocol.trustedIPs": "trust the PROXY header of these networks",
    "transport.keepAliveMaxRequests": "requests per connection; 0 is no limit",
    "transport.keepAliveMaxTime": "life of a connection; 0s is no limit",
    "lifeCycle.graceTimeOut": "time for open requests when stopping",
    "lifeCycle.requestAcceptGraceTimeout": "time to go on accepting when stopping",
    "respondingTimeouts.idleTimeout": "time between two requests of a connection",
    "respondingTimeouts.readTimeout": "time to receive a request",
    "respondingTimeouts.writeTimeout": "time to send a response",
    "udp.timeout": "life of an idle session",
    "api": "serve the API",
    "api.basePath": "path below which API and dashboard are",
    "api.dashboard": "serve the dashboard",
    "api.insecure": "serve the API on the entry point traefik, for everybody",
    "log": "the general log",
    "log.level": "TRACE, DEBUG, INFO, WARN, ERROR, FATAL or PANIC",
    "log.format": "common or json",
    "filePath": "file to write to; standard output if empty",
    "log.maxAge": "days that old files are kept",
    "log.maxBackups": "old files that are kept",
    "log.maxSize": "megabytes of a file before it is replaced",
    "ping": "answer /ping",
    "ping.terminatingStatusCode": "status of /ping while stopping",
    "manualRouting": "make no router; one of yours uses the service",
    "entryPoint": "entry point to serve on",
    "providers.file.directory": "directory of dynamic configuration files",
    "providers.file.filename": "dynamic configuration file",
    "providers.providersThrottleDuration": "least time between two reloads of a provider",
    "providers.precedence": "providers in the order that decides between equal routers",
    "watch": "reload on changes",
    "exposedByDefault": "serve what does not say traefik.enable",
    "defaultRule": "rule template of routers without a rule",
    "constraints": "expression that selects what is served",
    "tls.ca": "certificate authority: file or text",
    "tls.cert": "client certificate: file or text",
    "tls.key": "key of the client certificate: file or text",
    "insecureSkipVerify": "do not verify certificates of servers",
    "rootCAs": "certificate authorities of servers: files or texts",
    "maxIdleConnsPerHost": "idle connections kept per server; negative keeps none",
    "dialTimeout": "time to connect to a server",
    "idleConnTimeout": "time an idle connection to a server is kept",
    "responseHeaderTimeout": "time until a response begins; 0s is no limit",
    "acme.storage": "file of the certificates",
    "acme.caServer": "directory URL of the authority",
    "acme.email": "contact of the account",
    "acme.keyType": "EC256, EC384, RSA2048, RSA4096 or RSA8192",
    "core.defaultRuleSyntax": "v3 or v2",
}
_WORD = re.compile(r"[A-Z]{2,}s?(?=[A-Z][a-z]|\b)|[A-Z]?[a-z0-9]+|[A-Z]+")


def describe(name: str) -> str:
    """A few words about an option; for one without an entry, the words of its name."""
    parts = name.split(".")
    for start in range(len(parts)):
        known = _ENDINGS.get(".".join(parts[start:]))
        if known:
            return known
    words = [word if word.isupper() else word.lower() for word in _WORD.findall(parts[-1])]
    return " ".join(words) if not parts[-1].startswith("<") else f"one of {parts[-2]}"

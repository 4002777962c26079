"""The security part of `headers`: which hosts are served, and the policies a browser is told."""

from __future__ import annotations

import base64
import os
from collections.abc import Awaitable

from trafficcop.config.middlewares import Headers as Configuration
from trafficcop.errors import ProxyError
from trafficcop.http.answer import changed
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Ready, Request, Response, text_response
from trafficcop.middleware.fields import FieldEdit, field_value


def has_security(config: Configuration) -> bool:
    """Whether any option is given that this module acts on."""
    return bool(
        config.allowed_hosts
        or config.hosts_proxy_headers
        or config.ssl_redirect
        or config.ssl_temporary_redirect
        or config.ssl_force_host
        or config.ssl_host
        or config.ssl_proxy_headers
        or config.sts_seconds is not None
        or config.sts_include_subdomains
        or config.sts_preload
        or config.force_sts_header
        or config.frame_deny
        or config.custom_frame_options_value
        or config.content_type_nosniff
        or config.browser_xss_filter
        or config.custom_browser_xss_value
        or config.content_security_policy
        or config.content_security_policy_report_only
        or config.public_key
        or config.referrer_policy
        or config.feature_policy
        or config.permissions_policy
        or config.is_development
    )


class AllowedHosts:
    """Serves only the hosts it knows, as the client names them or as a proxy before us does."""

    __slots__ = ("_headers", "_hosts", "next")

    def __init__(self, hosts: tuple[str, ...], headers: tuple[str, ...], next: Handler) -> None:
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        self._headers = tuple(name.encode() for name in headers)
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        host = request.authority
        for name in self._headers:
            value = request.headers.get(name)
            if value:
                host = value
                break
        if host.lower() not in self._hosts:
            return Ready(text_response(500, b"Bad Host"))
        return self.next(request)


class Policies:
    """Sets the policies on an answer."""

    __slots__ = ("_edit", "_nonce_policies")

    def __init__(self, edit: FieldEdit, nonce_policies: dict[bytes, bytes]) -> None:
        self._edit = edit
        self._nonce_policies = nonce_policies

    def change(self, request: Request, response: Response) -> None:
        self._edit.apply(response.headers)
        if self._nonce_policies:
            nonce = b"'nonce-" + base64.b64encode(os.urandom(16)) + b"'"
            for name, policy in self._nonce_policies.items():
                response.headers.set(name, policy.replace(b"$NONCE", nonce))


class SecurityFields:
    """Sets the policies on every answer, those that only make sense over TLS on a request that came over TLS."""

    __slots__ = ("_plain", "_proxy_pairs", "_secure", "next")

    def __init__(
        self,
        edit: FieldEdit,
        secure_edit: FieldEdit,
        nonce_policies: dict[bytes, bytes],
        proxy_pairs: tuple[tuple[bytes, bytes], ...],
        next: Handler,
    ) -> None:
        self._plain = Policies(edit, nonce_policies)
        self._secure = Policies(secure_edit, nonce_policies)
        self._proxy_pairs = proxy_pairs
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        is_secure = request.peer.is_tls or (self._proxy_pairs and self._has_secure_proxy(request))
        try:
            coming = self.next(request)
        except ProxyError as error:
            coming = Ready(failure_response(error))
        return changed(self._secure if is_secure else self._plain, request, coming)

    def _has_secure_proxy(self, request: Request) -> bool:
        return any(request.headers.get(name) == value for name, value in self._proxy_pairs)


def build_security(config: Configuration, next: Handler) -> Handler:
    """The checks and fields that are asked for, in front of `next`."""
    always, secure, nonce = _always(config), _secure(config), _nonce(config)
    handler = next
    if always or secure or nonce:
        pairs = tuple((name.encode(), value.encode()) for name, value in config.ssl_proxy_headers.items())
        handler = SecurityFields(FieldEdit(always), FieldEdit(always | secure), nonce, pairs, next)
    if config.allowed_hosts and not config.is_development:
        handler = AllowedHosts(config.allowed_hosts, config.hosts_proxy_headers, handler)
    return handler


def _always(config: Configuration) -> dict[bytes, bytes | None]:
    values: dict[bytes, bytes | None] = {}
    if config.custom_frame_options_value or config.frame_deny:
        values[b"X-Frame-Options"] = field_value(config.custom_frame_options_value or "DENY")
    if config.content_type_nosniff:
        values[b"X-Content-Type-Options"] = b"nosniff"
    if config.custom_browser_xss_value or config.browser_xss_filter:
        values[b"X-Xss-Protection"] = field_value(config.custom_browser_xss_value or "1; mode=block")
    values.update((name, policy) for name, policy in _policies(config).items() if policy and b"$NONCE" not in policy)
    if config.referrer_policy:
        values[b"Referrer-Policy"] = field_value(config.referrer_policy)
    if config.permissions_policy:
        values[b"Permissions-Policy"] = field_value(config.permissions_policy)
    if config.force_sts_header and config.sts_seconds and not config.is_development:
        values[b"Strict-Transport-Security"] = _transport_security(config)
    return values


def _secure(config: Configuration) -> dict[bytes, bytes | None]:
    """What is said over TLS only."""
    values: dict[bytes, bytes | None] = {}
    if config.is_development:
        return values
    if config.sts_seconds:
        values[b"Strict-Transport-Security"] = _transport_security(config)
    if config.public_key:
        values[b"Public-Key-Pins"] = field_value(config.public_key)
    return values


def _policies(config: Configuration) -> dict[bytes, bytes]:
    return {
        b"Content-Security-Policy": field_value(config.content_security_policy),
        b"Content-Security-Policy-Report-Only": field_value(config.content_security_policy_report_only),
    }


def _nonce(config: Configuration) -> dict[bytes, bytes]:
    """Policies that carry a new random number in every answer (CSP3 §2.3.1)."""
    return {name: policy for name, policy in _policies(config).items() if b"$NONCE" in policy}


def _transport_security(config: Configuration) -> bytes:
    """RFC 6797 §6.1."""
    value = b"max-age=%d" % (config.sts_seconds or 0)
    if config.sts_include_subdomains:
        value += b"; includeSubDomains"
    if config.sts_preload:
        value += b"; preload"
    return value

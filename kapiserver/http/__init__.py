"""The front end: TLS, HTTP/1.1 and HTTP/2 in, Request objects to the Dispatcher, answers out."""

from .app import KapiApp
from .asgi import CONNECTION_KEY, REQUEST_KEY
from .limits import AUTHENTICATED, FrontEndConfig
from .listener import AddressInUse, bind, serve
from .tls import BadCertificate

__all__ = [
    "AUTHENTICATED",
    "CONNECTION_KEY",
    "REQUEST_KEY",
    "AddressInUse",
    "BadCertificate",
    "FrontEndConfig",
    "KapiApp",
    "bind",
    "serve",
]

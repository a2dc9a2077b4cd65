"""Zebu for Python: tasks, clients and workers of the Zebu job queue. See docs/python.md."""

from .aio import AsyncClient
from .app import App, AsyncTask, Bound, Task
from .client import Client
from .context import Context, context
from .errors import (BadOption, Cancelled, CannotTravel, ClientFull, ClosedError, Disconnected, ForkError, JobExpired,
                     JobFailed, PermanentFailure, QueueFull, Refused, Retry, SessionRefused, SoftLimit, TooLarge,
                     UnknownJob, ZebuError)
from .futures import AsyncFuture, Future, Progress
from .local import local
from .signature import Signature
from .values import Serializer

__version__ = "0.1.0"
__all__ = [
    "App", "AsyncClient", "AsyncFuture", "AsyncTask", "BadOption", "Bound", "Cancelled", "CannotTravel", "Client",
    "ClientFull", "ClosedError", "Context", "Disconnected", "ForkError", "Future", "JobExpired", "JobFailed",
    "PermanentFailure", "Progress", "QueueFull", "Refused", "Retry", "Serializer", "SessionRefused", "Signature",
    "SoftLimit", "Task", "TooLarge", "UnknownJob", "ZebuError", "context", "local",
]

# cython: auto_pickle=False
"""The client's compiled half. This file is its table of contents, in reading order."""
from _weakref import ref as _weak

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBUF_WRITABLE
from cpython.buffer cimport PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals, PyErr_Restore, PyErr_WriteUnraisable
from cpython.object cimport PyObject
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_REFCNT
from cpython.time cimport monotonic
from cpython.unicode cimport PyUnicode_AsUTF8String, PyUnicode_DATA, PyUnicode_DecodeUTF8
from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset, strlen

from AMPS.libamps cimport *
from AMPS.python_api cimport *

from AMPS import exceptions as _exceptions
from AMPS.authenticators import Conversation as _Conversation
from AMPS.options import Options as _Options
from AMPS.reasons import exception_for as _exception_for
from AMPS.recovery_points import RecoveryPoint as _RecoveryPoint
from AMPS.uri import parse as _parse_uri
from AMPS.version_info import VersionInfo as _VersionInfo

include "facts.pxi"       # VERSION, written by the build

_LOGON_VERSION = VERSION + ":python"  # what the server is told at logon

include "errors.pxi"      # status in, exception out
include "text.pxi"        # Python's text and bytes in, slices out
include "fields.pxi"      # what the fields of a header are called, and what each may hold
include "message_bytes.pxi"    # where the bytes of a message lie, and what was set over them
include "message_getters.pxi"  # what it says, header by header
include "message_setters.pxi"  # what it is made to say
include "message.pxi"     # Message
include "command.pxi"     # Command
include "listeners.pxi"   # who is told what
include "dispatch.pxi"    # C calls Python, here and nowhere else
include "transport.pxi"   # where and how to connect
include "connection.pxi"  # the life of a connection, and who is told
include "records.pxi"     # what is kept to place subscriptions again
include "routing.pxi"     # whom the answers of a command go to
include "asking.pxi"      # commands out, acks in
include "custom_stores.pxi"  # publish stores that the program brings along
include "storing.pxi"     # publishes that a publish store keeps
include "acknowledging.pxi"  # acknowledgements of queue messages out
include "publishing.pxi"  # publishes out
include "executing.pxi"   # a Command out, its answers to whom they belong
include "bookmarking.pxi"  # bookmark subscriptions, and the store that notes where they are
include "subscribing.pxi"  # subscriptions, queries, deletes in one call each
include "raw.pxi"         # messages as they are, handlers by id
include "settings.pxi"    # what is only kept so far
include "client.pxi"      # Client
include "publish_stores.pxi"   # MemoryPublishStore, PublishStore, HybridPublishStore
include "bookmark_stores.pxi"  # MemoryBookmarkStore, MMapBookmarkStore, RingBookmarkStore
include "discarding.pxi"  # what handlers discard, taken to a store burst by burst
include "resubscribing.pxi"  # subscriptions that outlive their connection
include "recovering.pxi"  # connecting again, and what is placed and sent then
include "ha_client.pxi"   # HAClient
include "stream.pxi"      # MessageStream, iterated without the GIL while it waits
include "shutdown.pxi"    # the interpreter ends before its clients do

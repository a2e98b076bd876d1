"""The parts of OTLP's protobuf messages that are read; all else is skipped as unknown fields.

The messages are those of opentelemetry-proto (`trace/v1/trace.proto`, `common/v1/common.proto`) with fields
left out, and with `bytes` where a part is wanted rarely or must not spoil its neighbours when it is damaged:
values of attributes, events, and all of the loose messages, which take apart what does not parse whole.
"""

import base64
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_TYPE = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _TYPE.TYPE_STRING,
    "bytes": _TYPE.TYPE_BYTES,
    "bool": _TYPE.TYPE_BOOL,
    "int32": _TYPE.TYPE_INT32,
    "int64": _TYPE.TYPE_INT64,
    "double": _TYPE.TYPE_DOUBLE,
    "fixed64": _TYPE.TYPE_FIXED64,
}
_PACKAGE = "tallystick.otlp"

_MESSAGES: dict[str, tuple[tuple[int, str, str], ...]] = {
    "ArrayValue": ((1, "values", "*AnyValue"),),
    "KeyValueList": ((1, "values", "*KeyValue"),),
    "KeyValue": ((1, "key", "string"), (2, "value", "bytes")),
    "Resource": ((1, "attributes", "*KeyValue"),),
    "Scope": ((1, "name", "string"), (2, "version", "string")),
    "Status": ((3, "code", "int32"),),
    "Span": (
        (1, "trace_id", "bytes"),
        (2, "span_id", "bytes"),
        (3, "trace_state", "string"),
        (4, "parent_span_id", "bytes"),
        (5, "name", "string"),
        (6, "kind", "int32"),
        (7, "start_time_unix_nano", "fixed64"),
        (8, "end_time_unix_nano", "fixed64"),
        (9, "attributes", "*KeyValue"),
        (11, "events", "*bytes"),
        (15, "status", "Status"),
    ),
    "Event": ((3, "attributes", "*KeyValue"),),
    "ScopeSpans": ((1, "scope", "Scope"), (2, "spans", "*Span")),
    "ResourceSpans": (
        (1, "resource", "Resource"),
        (2, "scope_spans", "*ScopeSpans"),
        (1000, "instrumentation_library_spans", "*ScopeSpans"),
    ),
    "Request": ((1, "resource_spans", "*ResourceSpans"),),
    "LooseRequest": ((1, "resource_spans", "*bytes"),),
    "LooseResourceSpans": (
        (1, "resource", "bytes"),
        (2, "scope_spans", "*bytes"),
        (1000, "instrumentation_library_spans", "*bytes"),
    ),
    "LooseScopeSpans": ((1, "scope", "bytes"), (2, "spans", "*bytes")),
    "Outline": (
        (1, "trace_id", "bytes"),
        (2, "span_id", "bytes"),
        (7, "start_time_unix_nano", "fixed64"),
        (8, "end_time_unix_nano", "fixed64"),
    ),
}
_ANY_VALUE = (
    (1, "string_value", "string"),
    (2, "bool_value", "bool"),
    (3, "int_value", "int64"),
    (4, "double_value", "double"),
    (5, "array_value", "ArrayValue"),
    (6, "kvlist_value", "KeyValueList"),
    (7, "bytes_value", "bytes"),
)


def _add_field(message: Any, number: int, name: str, kind: str) -> Any:
    is_repeated, kind = kind.startswith("*"), kind.removeprefix("*")
    label = _TYPE.LABEL_REPEATED if is_repeated else _TYPE.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _TYPE.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    return field


def _classes() -> dict[str, Any]:
    """Return a message class for each name."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _add_field(message, *field)
    value = file.message_type.add(name="AnyValue")
    value.oneof_decl.add(name="value")
    for field in _ANY_VALUE:
        _add_field(value, *field).oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = (pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in (*_MESSAGES, "AnyValue"))
    return {found_type.name: message_factory.GetMessageClass(found_type) for found_type in found}


_CLASSES = _classes()
REQUEST = _CLASSES["Request"]
RESOURCE_SPANS = _CLASSES["ResourceSpans"]
SCOPE_SPANS = _CLASSES["ScopeSpans"]
RESOURCE = _CLASSES["Resource"]
SCOPE = _CLASSES["Scope"]
SPAN = _CLASSES["Span"]
EVENT = _CLASSES["Event"]
LOOSE_REQUEST = _CLASSES["LooseRequest"]
LOOSE_RESOURCE_SPANS = _CLASSES["LooseResourceSpans"]
LOOSE_SCOPE_SPANS = _CLASSES["LooseScopeSpans"]
OUTLINE = _CLASSES["Outline"]
_VALUE = _CLASSES["AnyValue"].FromString


def any_value(data: bytes) -> Any:
    """Return a value as its JSON form reads: null, text, number, truth, list, or a structure.

    Raises:
        ValueError: the bytes are no value.
        RecursionError: it is nested too deeply.
    """
    try:
        return _plain(_VALUE(data))
    except DecodeError as error:
        raise ValueError(str(error)) from None


def _plain(value: Any) -> Any:
    name = value.WhichOneof("value")
    if name is None:
        return None
    if name == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if name == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if name == "kvlist_value":
        return _json_form(value)["kvlistValue"]
    return getattr(value, name)


def _json_form(value: Any) -> dict[str, Any]:
    """Return a value as the JSON encoding writes it."""
    name = value.WhichOneof("value")
    if name == "kvlist_value":
        pairs = value.kvlist_value.values
        return {"kvlistValue": {"values": [_json_pair(pair) for pair in pairs]}}
    if name == "array_value":
        return {"arrayValue": {"values": [_json_form(item) for item in value.array_value.values]}}
    if name is None:
        return {}
    return {f"{name.split('_')[0]}Value": _plain(value)}


def _json_pair(pair: Any) -> dict[str, Any]:
    return {"key": pair.key, "value": _json_form(_VALUE(pair.value))}
